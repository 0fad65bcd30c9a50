"""Continuous jobs with a server of their own, through the whole stack."""

import asyncio

import aiohttp
from support.client import PATIENCE, Client, job_url, unique
from support.eventually import eventually
from support.stack import RunningStack

SERVER = """
import http.server, os, threading
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/health":
            return self.say(503 if os.path.exists("sick") else 200, b"health")
        if self.path == "/ticks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number in range(3):
                self.wfile.write(b"7\\r\\ntick %d\\n\\r\\n" % number)
                confirmed.acquire()
            return self.wfile.write(b"0\\r\\n\\r\\n")
        self.say(418, self.requestline.encode())
    def do_POST(self):
        confirmed.release()
        self.say(200, self.rfile.read(int(self.headers["Content-Length"])))
    def do_DELETE(self):
        open("sick", "w").close()
        self.say(200, b"sick now")
    def say(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
confirmed = threading.Semaphore(0)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["WEBJOBS_PORT"])), Answer).serve_forever()
"""


async def test_a_job_serves_its_own_clients_and_is_started_anew_when_it_falls_sick(
    client: Client, stack: RunningStack
) -> None:
    name = unique("server")
    passed = f"/api/continuouswebjobs/{name}/passthrough"
    assert (await client.get(f"{passed}/x")).status == 404
    await client.put_script("continuous", name, SERVER, "run.py")

    async def answers() -> bool:
        return (await client.get(f"{passed}/a%2Fb?c=d%20e")).text == "GET /a%2Fb?c=d%20e HTTP/1.1"

    await eventually(answers, PATIENCE)
    assert (await client.get(f"{passed}/")).status == 418
    body = b"0123456789" * 100_000
    assert (await client.post(f"{passed}/echo", data=body)).body == body
    await ticks(f"{client.base}{passed}")

    # On a busy machine an interpreter takes seconds to start; within them no failure may count.
    settings = {"health_check": {"path": "/health", "interval": 0.2, "failures": 2, "start_period": 4}}
    put = await client.ask("PUT", f"/api/continuouswebjobs/{name}/settings", json=settings)
    assert put.status == 200, put.text
    await eventually(answers, PATIENCE)
    assert (await client.delete(f"{passed}/")).text == "sick now"

    async def told() -> bool:
        lines = [line.text for line in await client.job_log(name)]
        return any(
            "failed 2 times in a row, last because of this: the answer is 503" in each for each in lines
        )

    await eventually(told, PATIENCE)
    assert (await client.post(f"/api/continuouswebjobs/{name}/stop")).status == 200
    stopped = await client.get(f"{passed}/")
    assert (stopped.status, "is stopped" in stopped.text) == (503, True)
    assert (await client.delete(job_url("continuous", name))).status == 200


async def ticks(passed: str) -> None:
    """Each part of an answer arrives while the job waits to send the next."""
    async with aiohttp.ClientSession() as session, session.get(f"{passed}/ticks") as answer:
        for number in range(3):
            async with asyncio.timeout(PATIENCE):
                assert await answer.content.readline() == b"tick %d\n" % number
            async with session.post(f"{passed}/confirm", data=b"") as confirmed:
                assert confirmed.status == 200
        assert await answer.content.read() == b""
