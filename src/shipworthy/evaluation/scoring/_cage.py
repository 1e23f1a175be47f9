"""Linux, by ctypes: namespaces, a root of its own, no privileges, no sockets. Stand-alone, like `_warden`.

Every function raises OSError when the kernel says no. Numbers are those of the kernel's headers.
"""

# No pathlib here: `os` is all that a fork needs.
# ruff: noqa: PTH102, PTH103, PTH112, PTH114, PTH115, PTH120, PTH123, PTH211

import ctypes
import os
import platform
import struct

NEW_NS, NEW_UTS, NEW_IPC, NEW_USER, NEW_PID, NEW_NET = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE, _DETACH = 1, 2, 4, 32, 4096, 16384, 1 << 18, 2
_PDEATHSIG, _SUBREAPER, _NO_NEW_PRIVS, _SECCOMP, _FILTER = 1, 36, 38, 22, 2
_CAP_VERSION_3 = 0x20080522
NOBODY = 65534
_FIRST_THROWAWAY_UID = 100_000

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` names for new ones."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    encoded = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _checked(_libc.mount(*encoded), f"mount {target}")


def enclose(root: str, readable: list[str]) -> None:
    """Leave every namespace but that of processes, for one without network, whose root holds `readable` only.

    Args:
        root: an empty folder; what is built on it is seen by this process and its children alone.
        readable: folders and devices that stay, at their own paths, read-only.
    """
    spaces = NEW_NS | NEW_NET | NEW_IPC | NEW_UTS
    if os.getuid() == 0:
        unshare(spaces)
    else:
        _as_nobody_of_a_new_user_namespace(spaces)
    mount("none", "/", "", _REC | _PRIVATE)
    mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    for path in readable:
        _show(path, root)
    os.mkdir(f"{root}/tmp")
    mount("", root, "", _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(root)
    _checked(_libc.pivot_root(b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _DETACH), "umount")
    os.chdir("/")


def fresh_tmp(size_mb: int, uid: int) -> None:
    """A new /tmp in memory, owned by `uid`, and the working folder."""
    mount("tmpfs", "/tmp", "tmpfs", _NOSUID | _NODEV, f"size={size_mb}m,nr_inodes=4096,mode=700,uid={uid},gid={uid}")
    os.chdir("/tmp")


def throwaway_uid() -> int:
    """A user nobody else is, so that the kernel counts its processes alone; one's own without the right to change."""
    return _FIRST_THROWAWAY_UID + int.from_bytes(os.urandom(3), "big") if os.geteuid() == 0 else os.getuid()


def drop_privileges(uid: int) -> None:
    """Become `uid` without capabilities, for good; die with the parent."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header, none = struct.pack("Ii", _CAP_VERSION_3, 0), struct.pack("6I", 0, 0, 0, 0, 0, 0)
    _checked(_libc.capset(header, none), "capset")
    _prctl(_NO_NEW_PRIVS, 1)
    _prctl(_PDEATHSIG, 9)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends."""
    _prctl(_PDEATHSIG, 9)


def adopt_orphans() -> None:
    """Children of dead children become children of this process."""
    _prctl(_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    arguments = (ctypes.c_int(option), ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    _checked(_libc.prctl(*arguments), "prctl")


def _as_nobody_of_a_new_user_namespace(spaces: int) -> None:
    uid, gid = os.getuid(), os.getgid()
    unshare(NEW_USER | spaces)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {uid} 1"), ("gid_map", f"{NOBODY} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _show(path: str, root: str) -> None:
    target = root + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):  # /lib is one to usr/lib on most systems
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
        mount(path, target, "", _BIND | _REC)
        mount("", target, "", _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    else:
        with open(target, "w"):
            pass
        mount(path, target, "", _BIND)


# --- seccomp: what even a program without privileges need not ask the kernel ------------------------------------------

_DENIED = {
    # socket, ptrace, mount, umount2, pivot_root, unshare, setns, bpf, perf_event_open, add_key, request_key, keyctl,
    # userfaultfd, process_vm_readv, process_vm_writev, init_module, finit_module, io_uring_setup, _enter, _register
    "x86_64": (0xC000003E, (41, 101, 165, 166, 155, 272, 308, 321, 298, 248, 249, 250, 323, 310, 311, 175, 313)),
    "aarch64": (0xC00000B7, (198, 117, 40, 39, 41, 97, 268, 280, 241, 217, 218, 219, 282, 270, 271, 105, 273)),
}
_IO_URING = (425, 426, 427)
_CLONE3 = 435
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _ENOSYS = 1, 38
_X32 = 0x40000000


def deny_syscalls() -> bool:
    """Answer EPERM to new sockets, tracing, mounting and the like; False on a processor this is not written for."""
    if platform.machine() not in _DENIED:
        return False
    architecture, denied = _DENIED[platform.machine()]
    program = _filter(architecture, (*denied, *_IO_URING))
    code = ctypes.create_string_buffer(b"".join(program))
    fprog = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    _prctl(_NO_NEW_PRIVS, 1)
    arguments = (ctypes.c_ulong(_FILTER), ctypes.c_char_p(fprog), ctypes.c_ulong(0), ctypes.c_ulong(0))
    _checked(_libc.prctl(ctypes.c_int(_SECCOMP), *arguments), "seccomp")
    return True


def _filter(architecture: int, denied: tuple[int, ...]) -> list[bytes]:
    """Berkeley packet filter: instructions (code, jump if true, jump if false, value)."""
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    program = [
        _op(load, 0, 0, 4),
        _op(equal, 1, 0, architecture),
        _op(give, 0, 0, _KILL),
        _op(load, 0, 0, 0),
        _op(at_least, 0, 1, _X32),
        _op(give, 0, 0, _ERRNO | _EPERM),
        _op(equal, 0, 1, _CLONE3),
        _op(give, 0, 0, _ERRNO | _ENOSYS),  # the C library then falls back to clone
    ]
    for number in denied:
        program += [_op(equal, 0, 1, number), _op(give, 0, 0, _ERRNO | _EPERM)]
    return [*program, _op(give, 0, 0, _ALLOW)]


def _op(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
