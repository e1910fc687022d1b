import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { connect as connectNode, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, it } from "node:test";
import { createUnixSockets, type UnixSockets } from "./create-unix-sockets.ts";
import type { NativeSockets, SocketHandle } from "./native-sockets.ts";
import { loadLibc } from "./testing/load-libc.ts";

const MIB = 1024 * 1024;
/** More than the buffers of a connection hold. */
const LARGE_BYTES = 8 * MIB;

/** The C library, which ends the test where a socket is used after its close. */
function strictLibc(): NativeSockets & { readonly open: ReadonlySet<SocketHandle> } {
  const libc = loadLibc();
  const open = new Set<SocketHandle>();
  const opened = (socket: SocketHandle): SocketHandle => {
    if (socket !== -1) open.add(socket);
    return socket;
  };
  const used = (socket: SocketHandle): SocketHandle => {
    assert.ok(open.has(socket), `socket ${socket} is used after its close`);
    return socket;
  };
  return {
    ...libc,
    open,
    openStream: () => opened(libc.openStream()),
    openDatagram: () => opened(libc.openDatagram()),
    accept: (socket) => opened(libc.accept(used(socket))),
    receive: (socket, into, maxBytes) => libc.receive(used(socket), into, maxBytes),
    send: (socket, bytes, byteCount) => libc.send(used(socket), bytes, byteCount),
    shutdownWrites: (socket) => libc.shutdownWrites(used(socket)),
    close: (socket) => {
      open.delete(used(socket));
      return libc.close(socket);
    },
  };
}

const bySystem = createUnixSockets(strictLibc());
/** What the others are compared with. */
const byNode: Pick<UnixSockets, "listen"> = {
  listen: async (path, onConnection) => {
    const server = createServer({ allowHalfOpen: true }, onConnection).listen(path);
    await once(server, "listening");
    return { ok: true, value: { close: () => new Promise((resolve) => server.close(() => resolve())) } };
  },
};

interface World {
  readonly path: string;
  /** A client's connection, and the same connection on the side that listened. */
  readonly connection: () => Promise<{ readonly client: Socket; readonly served: Duplex }>;
  readonly close: () => Promise<void>;
}

async function listening(sockets: Pick<UnixSockets, "listen">, act: (world: World) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), "unix-sockets-"));
  const path = join(folder, "s.sock");
  const accepted: Duplex[] = [];
  const clients: Socket[] = [];
  let arrived = (): void => {};
  const listened = await sockets.listen(path, (served) => {
    served.on("error", () => {});
    accepted.push(served);
    arrived();
  });
  assert.ok(listened.ok, JSON.stringify(listened));
  let taken = 0;
  try {
    await act({
      path,
      connection: async () => {
        const index = taken++;
        const client = connectNode({ path, allowHalfOpen: true });
        client.on("error", () => {});
        clients.push(client);
        await once(client, "connect");
        while (accepted[index] === undefined) await new Promise<void>((resolve) => (arrived = resolve));
        return { client, served: accepted[index] };
      },
      close: listened.value.close,
    });
  } finally {
    for (const each of [...accepted, ...clients]) each.destroy();
    await listened.value.close();
    await rm(folder, { recursive: true });
  }
}

function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Writes until the stream takes no more, and returns how much was written. */
async function fill(stream: Duplex): Promise<number> {
  const chunk = Buffer.alloc(64 * 1024, 1);
  let written = 0;
  let isTaken = true;
  // Whatever is on its way through the system has been taken after a few turns.
  for (let idleTurns = 0; idleTurns < 200; idleTurns = isTaken ? 0 : idleTurns + 1) {
    isTaken = !stream.writableNeedDrain;
    if (isTaken) {
      stream.write(chunk);
      written += chunk.length;
    }
    await new Promise(setImmediate);
  }
  return written;
}

async function lengthOf(stream: Readable, bytes: number): Promise<number> {
  let length = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    length += (chunk as Buffer).length;
    if (length >= bytes) break;
  }
  return length;
}

for (const { name, sockets } of [
  { name: "Node's sockets", sockets: byNode },
  { name: "the system's socket functions", sockets: bySystem },
])
  describe(`connections of ${name}`, { timeout: 900_000 }, () => {
    it("carry bytes unchanged in both directions, larger than any buffer", () =>
      listening(sockets, async ({ connection }) => {
        const { client, served } = await connection();
        for (const [from, to] of [
          [client, served],
          [served, client],
        ] as const) {
          const sent = randomBytes(LARGE_BYTES);
          const received = buffer(to);
          from.end(sent);
          assert.equal(digest(await received), digest(sent));
        }
      }));

    it("carry what was written in many small pieces", () =>
      listening(sockets, async ({ connection }) => {
        const { client, served } = await connection();
        const received = buffer(client);
        for (let piece = 0; piece < 1_000; piece += 1) served.write(`${piece},`);
        served.end();
        assert.equal(String(await received), Array.from({ length: 1_000 }, (_, i) => `${i},`).join(""));
      }));

    it("take no more from a peer than it reads, and continue where it stopped", () =>
      listening(sockets, async ({ connection }) => {
        const { client, served } = await connection();
        client.pause();
        const written = await fill(served);
        assert.ok(written < LARGE_BYTES, `${written} bytes were taken`);
        assert.equal(await lengthOf(client, written), written);
      }));

    it("hold a peer back whose bytes are not read", () =>
      listening(sockets, async ({ connection }) => {
        const { client, served } = await connection();
        const written = await fill(client);
        assert.ok(written < LARGE_BYTES, `${written} bytes were taken`);
        assert.equal(await lengthOf(served, written), written);
      }));

    it("still answer a peer that has ended its own side", () =>
      listening(sockets, async ({ connection }) => {
        const { client, served } = await connection();
        client.end("question");
        assert.equal(String(await buffer(served)), "question");
        served.end("answer");
        assert.equal(String(await buffer(client)), "answer");
      }));

    it("end with their peer, though more was to be written", () =>
      listening(sockets, async ({ connection }) => {
        const { client, served } = await connection();
        await fill(served);
        served.resume();
        const closed = new Promise((resolve) => served.once("close", resolve));
        client.destroy();
        await closed;
      }));

    it("are not read once the receiver of their bytes has destroyed them", () =>
      listening(sockets, async ({ connection }) => {
        const { client, served } = await connection();
        const closed = new Promise((resolve) => served.once("close", resolve));
        served.on("data", () => served.destroy());
        client.write(Buffer.alloc(LARGE_BYTES));
        await closed;
      }));

    it("are many at a time, each with its own bytes", () =>
      listening(sockets, async ({ connection }) => {
        const pairs = [];
        for (let count = 0; count < 100; count += 1) pairs.push(await connection());
        await Promise.all(
          pairs.map(async ({ client, served }) => {
            const sent = randomBytes(MIB);
            const echoed = buffer(client);
            served.pipe(served);
            client.end(sent);
            assert.equal(digest(await echoed), digest(sent));
          }),
        );
      }));

    it("continue when no more are taken", () =>
      listening(sockets, async ({ path, connection, close }) => {
        const { client, served } = await connection();
        const closed = close();
        const refused = connectNode(path);
        await once(refused, "error");
        client.end("question");
        assert.equal(String(await buffer(served)), "question");
        served.end();
        await closed;
      }));
  });

describe("Unix sockets of the system's functions", { timeout: 900_000 }, () => {
  it("connect to a listener, and say why there is none", () =>
    listening(byNode, async ({ path }) => {
      const connected = bySystem.connect(path);
      assert.ok(connected.ok);
      connected.value.destroy();
      await once(connected.value, "close");
      assert.deepEqual(bySystem.connect(`${path}.absent`), {
        ok: false,
        failure: {
          kind: "HostNotReady",
          detail: `can't connect to ${path}.absent: Error: ${path}.absent: ENOENT`,
        },
      });
    }));

  it("take a connection later that the system had no descriptor for", () => {
    const libc = loadLibc();
    let isRefused = true;
    const EMFILE = 24;
    const short = createUnixSockets({
      ...libc,
      accept: (socket) => (isRefused ? -1 : libc.accept(socket)),
      lastError: () => {
        if (!isRefused) return libc.lastError();
        isRefused = false;
        return EMFILE;
      },
    });
    return listening(short, async ({ connection }) => {
      isRefused = true;
      const { client, served } = await connection();
      client.end("question");
      assert.equal(String(await buffer(served)), "question");
    });
  });

  it("leave no file, and let the next instance listen at once", () =>
    listening(bySystem, async ({ path, connection, close }) => {
      const { served } = await connection();
      await close();
      assert.deepEqual(await readdir(join(path, "..")), []);
      const next = await bySystem.listen(path, () => {});
      assert.ok(next.ok, JSON.stringify(next));
      await next.value.close();
      served.destroy();
    }));

  it("leave the file of another instance that listens there now", () =>
    listening(bySystem, async ({ path, close }) => {
      await rm(path);
      const other = await bySystem.listen(path, (connection) => connection.destroy());
      assert.ok(other.ok);
      await close();
      assert.ok((await stat(path)).isSocket());
      await other.value.close();
    }));

  it("refuse a folder, and leave a file that is no socket", () =>
    listening(bySystem, async ({ path }) => {
      const file = `${path}.file`;
      await writeFile(file, "precious");
      await chmod(file, 0o600);
      for (const other of [file, join(path, "..")]) {
        const listened = await bySystem.listen(other, () => {});
        assert.match(
          listened.ok || listened.failure.kind !== "HostNotReady" ? "" : listened.failure.detail,
          /exists and is no socket/u,
        );
      }
      assert.equal((await stat(file)).size, "precious".length);
    }));

  it("let a process end that still listens", async () => {
    const module = (file: string): string => JSON.stringify(new URL(file, import.meta.url));
    const source = `import { createUnixSockets } from ${module("./create-unix-sockets.ts")};
import { loadLibc } from ${module("./testing/load-libc.ts")};
const listened = await createUnixSockets(loadLibc()).listen(process.argv[1], () => {});
setImmediate(() => process.exit(listened.ok ? 7 : 1));`;
    const folder = await mkdtemp(join(tmpdir(), "unix-sockets-"));
    const args = ["--input-type=module", "-e", source, join(folder, "s.sock")];
    const [code] = await once(spawn(process.execPath, args, { stdio: "inherit" }), "exit");
    assert.equal(code, 7);
    await rm(folder, { recursive: true });
  });

  it("end without their file's removal, where that fails", async () => {
    const folder = await mkdtemp(join(tmpdir(), "unix-sockets-"));
    const inner = join(folder, "inner");
    await mkdir(inner);
    const listened = await bySystem.listen(join(inner, "s.sock"), () => {});
    assert.ok(listened.ok, JSON.stringify(listened));
    await rm(inner, { recursive: true });
    await writeFile(inner, "");
    await listened.value.close();
    await rm(folder, { recursive: true });
  });

  it("leave no socket open where nothing can wait for it", () =>
    listening(byNode, async ({ path }) => {
      const libc = strictLibc();
      const unwatched = createUnixSockets({ ...libc, openDatagram: () => -1 });
      assert.equal(unwatched.connect(path).ok, false);
      assert.equal((await unwatched.listen(`${path}.other`, () => {})).ok, false);
      assert.deepEqual([...libc.open], []);
    }));

  it("refuse a path that is too long for a socket", async () => {
    const listened = await bySystem.listen(`/${"x".repeat(108)}`, () => {});
    assert.match(listened.ok ? "" : listened.failure.detail, /too long for a socket's path/u);
  });
});
