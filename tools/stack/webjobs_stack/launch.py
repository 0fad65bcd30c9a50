"""Becomes another program: one that dies with the stack, and as another user where that program wants it.

Run by path as `python -I -S launch.py PARENT DEATH_SIGNAL USER REACH -- COMMAND...`; imports nothing of ours,
so that it costs milliseconds. USER is `-` to stay who we are; REACH is the folder that user must enter.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2

CANNOT_LAUNCH = 126


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Word(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, doing: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{doing}: {os.strerror(ctypes.get_errno())}")


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *padded), f"prctl {option}")


def _permitted() -> int:
    words = (_Word * 2)()
    _check(_libc.capget(ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), words), "capget")
    return int(words[0].permitted)


def _set_capabilities(effective: int, permitted: int) -> None:
    """All the capabilities there are afterwards; those we deal in fit the first of the two words."""
    words = (_Word * 2)()
    words[0] = _Word(effective, permitted, effective)
    _check(_libc.capset(ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), words), "capset")


def become(user: str, program: str, reach: str) -> None:
    """Turn root into `user`, keeping the least capability with which it reaches `program` and `reach`.

    None if the folders above are open to it; else the right to search and read any folder; else, where a
    container withholds that one, the right to pass over permissions. No folder's permissions are touched.
    """
    entry = pwd.getpwnam(user)
    # Without this the kernel would drop every capability with the uid, and access(2) would ignore them.
    _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    owned = _permitted() & (1 << CAP_DAC_READ_SEARCH | 1 << CAP_DAC_OVERRIDE)
    for capability in (None, CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        kept = 0 if capability is None else 1 << capability
        if kept & ~owned:
            continue
        _set_capabilities(kept, owned)
        if os.access(program, os.R_OK | os.X_OK) and os.access(reach, os.R_OK | os.W_OK | os.X_OK):
            _set_capabilities(kept, kept)
            if capability is not None:
                _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)
            return
    raise PermissionError(
        f"user {user} cannot reach {program} and {reach}, and root may not lend it CAP_DAC_READ_SEARCH here;"
        " choose folders that every user can enter, or do not run as root"
    )


def main(arguments: list[str]) -> None:
    """Do what the module says; does not return."""
    parent, death_signal, user, reach, separator, *command = arguments
    assert separator == "--"
    if user != "-":
        become(user, command[0], reach)
    # After the change of user, which would clear it.
    _prctl(PR_SET_PDEATHSIG, signal.Signals[death_signal].value)
    if os.getppid() != int(parent):
        raise ProcessLookupError("the stack ended while this process started")
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, KeyError) as error:
        sys.stderr.write(f"cannot start {sys.argv[6]}: {error}\n")
        sys.exit(CANNOT_LAUNCH)
