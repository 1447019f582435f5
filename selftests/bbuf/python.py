#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The device in Python: plain files, os.read and os.write, selectors, asyncio."""

import asyncio
import os
import selectors
import subprocess
import sys
import traceback

DEVICE = "/dev/bbuf"
CAPACITY = 65536  # the default
SKIP_STATUS = 4
SECONDS = 30  # until what must happen counts as lost


def open_device(flags=os.O_RDWR | os.O_NONBLOCK):
    return os.open(DEVICE, flags)


def drain(fd):
    try:
        while os.read(fd, CAPACITY):
            pass
    except BlockingIOError:
        pass


def test_file_object_writes_and_reads():
    with open(DEVICE, "wb", buffering=0) as out, open(DEVICE, "rb", buffering=0) as into:
        assert out.write(b"hello") == 5
        assert into.read(100) == b"hello"
        assert not into.seekable()


def test_buffered_file_reads_lines():
    with open(DEVICE, "w") as out:
        out.write("one\ntwo\n")
    with open(DEVICE) as into:
        assert into.readline() == "one\n"
        assert into.readline() == "two\n"


def test_empty_raises_blocking_io_error():
    fd = open_device()
    try:
        os.read(fd, 1)
    except BlockingIOError:
        return
    finally:
        os.close(fd)
    raise AssertionError("read something")


def test_full_raises_blocking_io_error():
    fd = open_device()
    assert os.write(fd, bytes(2 * CAPACITY)) == CAPACITY
    try:
        os.write(fd, b"x")
    except BlockingIOError:
        return
    finally:
        drain(fd)
        os.close(fd)
    raise AssertionError("wrote something")


def test_selector_tells_readable_and_writable():
    fd = open_device()
    for kind in selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector:
        with kind() as selector:
            selector.register(fd, selectors.EVENT_READ | selectors.EVENT_WRITE)
            assert selector.select(0)[0][1] == selectors.EVENT_WRITE
            os.write(fd, bytes(CAPACITY))
            assert selector.select(0)[0][1] == selectors.EVENT_READ
            drain(fd)
    os.close(fd)


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, SECONDS))


def test_asyncio_reader_is_called_when_data_comes():
    async def main():
        loop = asyncio.get_running_loop()
        got = loop.create_future()
        fd = open_device()
        loop.add_reader(fd, lambda: got.set_result(os.read(fd, 100)))
        await asyncio.sleep(0)
        assert not got.done()
        os.write(fd, b"ping")
        assert await got == b"ping"
        loop.remove_reader(fd)
        os.close(fd)

    run(main())


def test_asyncio_writer_is_called_when_room_comes():
    async def main():
        loop = asyncio.get_running_loop()
        fd = open_device()
        room = asyncio.Event()
        os.write(fd, bytes(CAPACITY))
        loop.add_writer(fd, room.set)
        await asyncio.sleep(0)
        assert not room.is_set()
        drain(fd)
        await room.wait()
        loop.remove_writer(fd)
        os.close(fd)

    run(main())


def test_asyncio_streams_pass_lines_between_coroutines():
    count = 2000

    async def produce(loop):
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, open(DEVICE, "wb", buffering=0))
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        for number in range(count):
            writer.write(b"%d\n" % number)
            await writer.drain()

    async def consume(loop):
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), open(DEVICE, "rb", buffering=0))
        for number in range(count):
            assert await reader.readline() == b"%d\n" % number
        transport.close()

    async def main():
        loop = asyncio.get_running_loop()
        await asyncio.gather(produce(loop), consume(loop))

    run(main())


def test_child_process_writes_to_it():
    with open(DEVICE, "wb") as out:
        subprocess.run(["echo", "from a child"], stdout=out, check=True)
    with open(DEVICE) as into:
        assert into.readline() == "from a child\n"


def passes(test):
    try:
        test()
        return True
    except Exception:
        for line in traceback.format_exc().splitlines():
            print("#", line)
        return False


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    failed = False

    print("TAP version 13")
    if not os.path.exists(DEVICE):
        print("1..0 # SKIP no", DEVICE)
        return SKIP_STATUS
    print("1..%d" % len(tests))
    for number, (name, test) in enumerate(tests, 1):
        fd = open_device()
        drain(fd)
        os.close(fd)
        good = passes(test)
        failed = failed or not good
        print("ok" if good else "not ok", number, name, flush=True)
    return int(failed)


sys.exit(main())
