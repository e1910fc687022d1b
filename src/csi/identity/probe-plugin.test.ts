import assert from "node:assert/strict";
import { mkdtemp, rm, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import { createUnixSockets } from "../../adapters/unix-sockets/create-unix-sockets.ts";
import { loadLibc } from "../../adapters/unix-sockets/testing/load-libc.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { IdentityService } from "../gen/csi/v1/csi.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import { identityHandlers } from "./identity-handlers.ts";
import { probePlugin } from "./probe-plugin.ts";

const limits = { clock: systemClock, timeoutMs: 60_000 };

/** A plug-in that is ready or not, or that never answers. */
async function withPlugin(
  state: "ready" | "starting" | "hangs",
  act: (socket: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "probe-"));
  const socket = join(folder, "csi.sock");
  const handlers = identityHandlers({ driverName: "d", version: "1", isReady: () => state === "ready" });
  const hanging = { probe: () => new Promise<never>(() => undefined) };
  const server = new GrpcServer({
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    onCall: () => undefined,
  }).add(IdentityService, state === "hangs" ? hanging : handlers);
  assert.ok((await server.listen(`unix://${socket}`)).ok);
  try {
    await act(socket);
  } finally {
    await server.stop(AbortSignal.abort());
    await rm(folder, { recursive: true });
  }
}

describe("probePlugin", () => {
  it("reports no fault of a plug-in that serves", () =>
    withPlugin("ready", async (socket) =>
      assert.equal(await probePlugin(`unix://${socket}`, limits), undefined),
    ));

  it("finds out over the system's sockets whether one answers", () =>
    withPlugin("ready", async (socket) => {
      const unixSockets = createUnixSockets(loadLibc());
      const probe = () => probePlugin(`unix://${socket}`, { ...limits, unixSockets });
      assert.equal(await probe(), undefined);
      await unlink(socket);
      assert.match((await probe()) ?? "", /can't connect to .*ENOENT/u);
    }));

  it("reports one that is not ready", () =>
    withPlugin("starting", async (socket) =>
      assert.match((await probePlugin(`unix://${socket}`, limits)) ?? "", /says that it is not ready$/),
    ));

  it("reports one that hangs, within its limit", () =>
    withPlugin("hangs", async (socket) =>
      assert.match(
        (await probePlugin(`unix://${socket}`, { clock: systemClock, timeoutMs: 30 })) ?? "",
        /does not answer: .*DEADLINE_EXCEEDED/,
      ),
    ));

  it("reports one whose socket was removed: kubelet can't reach it any more", () =>
    withPlugin("ready", async (socket) => {
      await unlink(socket);
      assert.match((await probePlugin(`unix://${socket}`, limits)) ?? "", /does not answer: .*UNAVAILABLE/);
    }));
});
