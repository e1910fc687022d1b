import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { createUnixSockets, type UnixSockets } from "../../src/adapters/unix-sockets/create-unix-sockets.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { IdentityService } from "../../src/csi/gen/csi/v1/csi.ts";
import { identityHandlers } from "../../src/csi/identity/identity-handlers.ts";
import { probePlugin } from "../../src/csi/identity/probe-plugin.ts";
import { GrpcServer } from "../../src/csi/server/grpc-server.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";

const isWindows = process.platform === "win32";
/** The socket functions of this machine's system. */
const NATIVE = isWindows
  ? { file: "load-winsock.ts", name: "loadWinsock" }
  : { file: "testing/load-libc.ts", name: "loadLibc" };
const ADAPTER = new URL("../../src/adapters/unix-sockets/", import.meta.url);
const LARGE_BYTES = 8 * 1024 * 1024;
const never = new AbortController().signal;

/** A process that listens at a path and ends without closing. */
const DYING = `const { createUnixSockets } = await import(${JSON.stringify(new URL("create-unix-sockets.ts", ADAPTER))});
const native = await import(${JSON.stringify(new URL(NATIVE.file, ADAPTER))});
const sockets = createUnixSockets(await native[${JSON.stringify(NATIVE.name)}]());
const listened = await sockets.listen(process.argv[1], () => {});
process.exit(listened.ok ? 0 : 1);`;

describe(
  `the plug-in's socket by ${isWindows ? "Winsock" : "Linux' C library"}`,
  { timeout: 300_000 },
  () => {
    let sockets: UnixSockets;
    let folder: string;
    let path: string;

    before(async () => {
      const { loadLibc } = await import("../../src/adapters/unix-sockets/testing/load-libc.ts");
      const { loadWinsock } = await import("../../src/adapters/unix-sockets/load-winsock.ts");
      sockets = createUnixSockets(isWindows ? await loadWinsock() : loadLibc());
      folder = await mkdtemp(join(tmpdir(), "s-"));
      path = join(folder, "csi.sock");
    });
    after(() => rm(folder, { recursive: true }));

    async function connected(act: (client: Duplex, served: Duplex) => Promise<void>): Promise<void> {
      const arrived = Promise.withResolvers<Duplex>();
      const listener = valueOf(await sockets.listen(path, arrived.resolve));
      const client = valueOf(sockets.connect(path));
      const served = await arrived.promise;
      await act(client, served);
      client.destroy();
      served.destroy();
      await listener.close();
      assert.deepEqual(await readdir(folder), []);
    }

    it("carries bytes unchanged in both directions, after one side has ended, too", () =>
      connected(async (client, served) => {
        for (const [from, to] of [
          [client, served],
          [served, client],
        ] as const) {
          const sent = randomBytes(LARGE_BYTES);
          const received = buffer(to);
          from.end(sent);
          assert.ok(sent.equals(await received));
        }
      }));

    it("ends a connection whose peer has gone", () =>
      connected(async (client, served) => {
        served.on("error", () => {});
        const closed = new Promise((resolve) => served.once("close", resolve));
        served.resume();
        served.once("end", () => served.end());
        client.destroy();
        await closed;
      }));

    it("replaces the file of a process that ended, and leaves any other file", async () => {
      const [code] = await once(
        spawn(process.execPath, ["--input-type=module", "-e", DYING, path], { stdio: "inherit" }),
        "exit",
      );
      assert.deepEqual([code, await readdir(folder)], [0, ["csi.sock"]]);
      await valueOf(await sockets.listen(path, () => {})).close();
      await writeFile(path, "precious");
      assert.equal((await sockets.listen(path, () => {})).ok, false);
      await rm(path);
    });

    it("serves gRPC, and another process can't take it", async () => {
      const server = new GrpcServer(
        { clock: systemClock, random: systemRandom, logger: silentLogger, onCall: () => undefined },
        sockets,
      ).add(IdentityService, identityHandlers({ driverName: "d", version: "1", isReady: () => true }));
      const endpoint = valueOf(await server.listen(`unix://${path}`));
      const probe = () =>
        probePlugin(endpoint, { clock: systemClock, timeoutMs: 60_000, unixSockets: sockets });
      assert.deepEqual(
        await Promise.all(Array.from({ length: 20 }, probe)),
        Array.from({ length: 20 }, () => undefined),
      );
      assert.equal((await sockets.listen(path, () => {})).ok, false);
      await server.stop(never);
      assert.match((await probe()) ?? "", /can't connect/u);
    });
  },
);
