"""Crashes of a server that the test started itself."""

from webjobs_stack.nats_server import NatsServer


async def crash(server: NatsServer) -> None:
    """End it without any farewell."""
    server.kill()
    await server.wait()


async def crash_and_restart(server: NatsServer) -> None:
    """End it without any farewell and start it again on its port, with what it had stored."""
    await crash(server)
    await server.start()
