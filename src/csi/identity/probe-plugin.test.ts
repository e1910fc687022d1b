import assert from "node:assert/strict";
import { mkdtemp, rm, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import { createUnixSockets } from "../../adapters/unix-sockets/create-unix-sockets.ts";
import { loadLibc } from "../../adapters/unix-sockets/testing/load-libc.ts";
import { silentLogger } from "../../controller/testing/silent-logger.ts";
import type { Result } from "../../core/failure/result.ts";
import { ok } from "../../core/failure/result.ts";
import { IdentityService } from "../gen/csi/v1/csi.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import { identityHandlers } from "./identity-handlers.ts";
import { probePlugin } from "./probe-plugin.ts";

const limits = { clock: systemClock, timeoutMs: 60_000 };

/** A plug-in that answers Probe with the given function. */
async function withPlugin(
  isReady: () => Promise<Result<boolean, never>>,
  act: (socket: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "probe-"));
  const socket = join(folder, "csi.sock");
  const server = new GrpcServer({
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    onCall: () => undefined,
  }).add(IdentityService, identityHandlers({ driverName: "d", version: "1", isReady }));
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
    withPlugin(
      async () => ok(true),
      async (socket) => assert.equal(await probePlugin(`unix://${socket}`, limits), undefined),
    ));

  it("finds out over the system's sockets whether one answers", () =>
    withPlugin(
      async () => ok(true),
      async (socket) => {
        const unixSockets = createUnixSockets(loadLibc());
        const probe = () => probePlugin(`unix://${socket}`, { ...limits, unixSockets });
        assert.equal(await probe(), undefined);
        await unlink(socket);
        assert.match((await probe()) ?? "", /can't connect to .*ENOENT/u);
      },
    ));

  it("reports one that is not ready", () =>
    withPlugin(
      async () => ok(false),
      async (socket) =>
        assert.match((await probePlugin(`unix://${socket}`, limits)) ?? "", /says that it is not ready$/),
    ));

  it("reports one that hangs, within its limit", () =>
    withPlugin(
      () => new Promise(() => undefined),
      async (socket) =>
        assert.match(
          (await probePlugin(`unix://${socket}`, { clock: systemClock, timeoutMs: 30 })) ?? "",
          /does not answer: .*DEADLINE_EXCEEDED/,
        ),
    ));

  it("reports one whose socket was removed: kubelet can't reach it any more", () =>
    withPlugin(
      async () => ok(true),
      async (socket) => {
        await unlink(socket);
        assert.match((await probePlugin(`unix://${socket}`, limits)) ?? "", /does not answer: .*UNAVAILABLE/);
      },
    ));
});
