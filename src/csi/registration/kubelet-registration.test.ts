import assert from "node:assert/strict";
import { lstat, mkdir, mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import { createVirtualClock, type VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import type { Events } from "../../ports/cluster/events.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import {
  type PluginInfo,
  RegistrationService,
  type RegistrationStatus,
} from "../gen/pluginregistration/v1/api.ts";
import { callUnary } from "../testing/call-unary.ts";
import { type KubeletRegistration, registerWithKubelet } from "./kubelet-registration.ts";

const never = new AbortController().signal;
/** How long the machine may take for a few files and sockets, in milliseconds of real time. */
const PATIENCE_MS = 120_000;
const info: PluginInfo = {
  type: "CSIPlugin",
  name: "disk.csi.azure.com",
  endpoint: "/var/lib/kubelet/plugins/disk.csi.azure.com/csi.sock",
  supportedVersions: ["1.0.0"],
};

interface World {
  readonly clock: VirtualClock;
  readonly socketPath: string;
  readonly folder: string;
  /** How often the plug-in was registered. */
  readonly registered: () => number;
  /** The refusals that were reported. */
  readonly refusals: readonly string[];
  /** The reports about the place in the registry. */
  readonly places: readonly (string | undefined)[];
  start(): Promise<KubeletRegistration>;
  /**
   * Runs `act` while the registration is kept, and returns how keeping ended; `act` may ask whether it
   * has.
   */
  whileKept(
    registration: KubeletRegistration,
    act: (hasEnded: () => Promise<boolean>) => Promise<void>,
  ): Promise<unknown>;
}

async function inRegistry(act: (world: World) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "registry-"));
  const clock = createVirtualClock();
  const socketPath = join(folder, "disk.csi.azure.com-reg.sock");
  const started: KubeletRegistration[] = [];
  let registered = 0;
  const refusals: string[] = [];
  const places: (string | undefined)[] = [];
  const events: Events = {
    emit: ({ about, reason, message }) => refusals.push(`${about.name} ${reason}: ${message}`),
  };
  const onRegistered = (): void => void registered++;
  try {
    await act({
      clock,
      socketPath,
      folder,
      registered: () => registered,
      refusals,
      places,
      start: async () => {
        const options = {
          driverName: info.name,
          socketPath,
          csiSocketPath: info.endpoint,
          clock,
          random: systemRandom,
          logger: silentLogger,
          onRegistered,
          onSocketTaken: (taken: string | undefined) => places.push(taken),
          events,
          nodeName: "node-a",
        };
        const registration = await registerWithKubelet(options);
        assert.ok(registration.ok, JSON.stringify(registration));
        started.push(registration.value);
        return registration.value;
      },
      whileKept: async (registration, during) => {
        const life = new AbortController();
        let ended = false;
        const kept = registration
          .keep(life.signal)
          .catch((error: unknown) => error)
          .finally(() => (ended = true));
        await during(async () => ended);
        life.abort("over");
        return kept;
      },
    });
  } finally {
    for (const registration of started) await registration.stop({ leavesSocket: false }, AbortSignal.abort());
    await rm(folder, { recursive: true });
  }
}

/** What kubelet does once it has found the socket. */
async function asKubelet(socketPath: string, status: RegistrationStatus): Promise<PluginInfo> {
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure());
  try {
    const answer = await callUnary(client, RegistrationService.getInfo, {});
    await callUnary(client, RegistrationService.notifyRegistrationStatus, status);
    return answer;
  } finally {
    client.close();
  }
}

const success: RegistrationStatus = { pluginRegistered: true, error: "" };
const refusal: RegistrationStatus = {
  pluginRegistered: false,
  error: "RegisterPlugin error -- plugin registration failed with err: no answer",
};

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Distinguishes a socket from its successor. */
async function inodeAt(path: string): Promise<bigint | undefined> {
  return lstat(path, { bigint: true }).then(
    ({ ino }) => ino,
    () => undefined,
  );
}

/** Advances virtual time until another socket is at a path, and returns after how many milliseconds. */
async function untilReplaced({ clock, socketPath }: Pick<World, "clock" | "socketPath">): Promise<number> {
  const before = await inodeAt(socketPath);
  assert.notEqual(before, undefined, "there is no socket");
  const beganAtMs = clock.elapsedMs();
  await eventually(clock, async () => {
    const present = await inodeAt(socketPath);
    return present !== undefined && present !== before;
  });
  return clock.elapsedMs() - beganAtMs;
}

/**
 * Advances virtual time until the condition holds. Files and sockets are real, so each two seconds of
 * virtual time are followed by a moment of real time.
 */
async function eventually(clock: VirtualClock, holds: () => Promise<boolean>): Promise<void> {
  const endsMs = systemClock.elapsedMs() + PATIENCE_MS;
  while (!(await holds())) {
    assert.ok(systemClock.elapsedMs() < endsMs, `it did not come to hold within ${PATIENCE_MS / 1_000} s`);
    await clock.advance(1_000);
    await systemClock.sleep(1, never);
  }
}

/** Lets virtual time pass, and the work with files and sockets that falls into it. */
async function inSteps(clock: VirtualClock, ms: number): Promise<void> {
  const endsMs = clock.elapsedMs() + ms;
  await eventually(clock, async () => clock.elapsedMs() >= endsMs);
}

describe("registerWithKubelet", () => {
  it("gives kubelet the driver's socket, and learns that it has been registered", () =>
    inRegistry(async ({ socketPath, start, registered }) => {
      const registration = await start();
      assert.match(registration.whyNotRegistered() ?? "", /has not asked/);
      assert.deepEqual(await asKubelet(socketPath, success), info);
      assert.deepEqual(
        [registration.whyNotRegistered(), registration.whyNotServed(), registered()],
        [undefined, undefined, 1],
      );
      assert.equal(((await lstat(socketPath)).mode & 0o777).toString(8), "600");
    }));

  it("reports why kubelet refuses, waits for its next try, and restarts the count then", () =>
    inRegistry(async ({ clock, socketPath, start, whileKept }) => {
      const registration = await start();
      const ended = await whileKept(registration, async () => {
        for (const status of [refusal, success, refusal]) {
          await asKubelet(socketPath, status);
          assert.equal(
            registration.whyNotRegistered(),
            status.pluginRegistered ? undefined : `kubelet refuses to register this plug-in: ${status.error}`,
          );
          await inSteps(clock, 290_000);
        }
      });
      assert.equal(ended instanceof Error, false);
    }));

  it("gives up after five minutes of refusals, since a restart may help", () =>
    inRegistry(async ({ clock, socketPath, start, whileKept }) => {
      const registration = await start();
      const ended = await whileKept(registration, async (hasEnded) => {
        await asKubelet(socketPath, refusal);
        await eventually(clock, hasEnded);
      });
      assert.match(String(ended), /no answer; giving up after 300 s/);
    }));

  it("makes another socket after a refusal, for a kubelet that does not ask again", () =>
    inRegistry(async ({ clock, socketPath, start, whileKept, registered }) => {
      const registration = await start();
      await whileKept(registration, async () => {
        await asKubelet(socketPath, refusal);
        const afterMs = await untilReplaced({ clock, socketPath });
        assert.ok(afterMs < 60_000, `${afterMs} ms`);
        assert.match(registration.whyNotRegistered() ?? "", /refuses/u);
        assert.deepEqual(await asKubelet(socketPath, success), info);
        assert.deepEqual([registration.whyNotRegistered(), registered()], [undefined, 1]);
      });
    }));

  it("does so ever more rarely for a kubelet that never asks, or says no outcome", () =>
    inRegistry(async ({ clock, socketPath, start, whileKept }) => {
      const registration = await start();
      await whileKept(registration, async () => {
        const first = await untilReplaced({ clock, socketPath });
        const second = await untilReplaced({ clock, socketPath });
        const third = await untilReplaced({ clock, socketPath });
        assert.ok(second > 1.5 * first && third > 1.5 * second, `${first}, ${second}, ${third} ms`);
      });
    }));

  it("leaves no socket where it is stopped while it makes another one", () =>
    inRegistry(async ({ clock, socketPath, start, whileKept }) => {
      const registration = await start();
      await whileKept(registration, async () => {
        registration.registerAgain();
        await clock.advance(5_000);
        await registration.stop({ leavesSocket: false }, never);
      });
      assert.equal(await isThere(socketPath), false);
    }));

  it("makes no socket once it is stopped, while calls under way end", () =>
    inRegistry(async ({ clock, socketPath, start, whileKept }) => {
      for (const leavesSocket of [false, true]) {
        const registration = await start();
        const left = leavesSocket ? await inodeAt(socketPath) : undefined;
        const ended = await whileKept(registration, async () => {
          await asKubelet(socketPath, refusal);
          await registration.stop({ leavesSocket }, never);
          await inSteps(clock, 400_000);
        });
        assert.deepEqual([await inodeAt(socketPath), ended instanceof Error], [left, false]);
      }
    }));

  it("keeps the socket of a plug-in that is registered, until it is to register again", () =>
    inRegistry(async ({ clock, socketPath, start, whileKept, registered }) => {
      const registration = await start();
      await whileKept(registration, async () => {
        await asKubelet(socketPath, success);
        const kept = await inodeAt(socketPath);
        await inSteps(clock, 600_000);
        assert.equal(await inodeAt(socketPath), kept);
        registration.registerAgain();
        assert.match(registration.whyNotRegistered() ?? "", /once more/u);
        const afterMs = await untilReplaced({ clock, socketPath });
        assert.ok(afterMs < 30_000, `${afterMs} ms`);
        await asKubelet(socketPath, success);
        assert.deepEqual([registration.whyNotRegistered(), registered()], [undefined, 2]);
      });
    }));

  it("names the remedy for a label that contradicts what the VM is", () =>
    inRegistry(async ({ socketPath, start, refusals }) => {
      const registration = await start();
      await asKubelet(socketPath, {
        pluginRegistered: false,
        error: 'detected topology value collision: driver reported "a":"b" but existing label is "a":"c"',
      });
      assert.match(registration.whyNotRegistered() ?? "", /remove it from the Node$/);
      assert.deepEqual(refusals, [`node-a RegistrationRefused: ${registration.whyNotRegistered() ?? ""}`]);
    }));

  it("replaces the previous instance, whether it runs or has left its socket behind", () =>
    inRegistry(async ({ socketPath, start }) => {
      const first = await start();
      const second = await start();
      await asKubelet(socketPath, success);
      assert.deepEqual(
        [first.whyNotRegistered() === undefined, second.whyNotRegistered() === undefined],
        [false, true],
      );
      await first.stop({ leavesSocket: false }, never);
      assert.equal(
        await isThere(socketPath),
        true,
        "the older instance has removed the younger one's socket",
      );
    }));

  it("recreates its socket after another process (V1's registrar, say) removed it", () =>
    inRegistry(async ({ clock, socketPath, start, whileKept, registered }) => {
      const registration = await start();
      await whileKept(registration, async () => {
        await asKubelet(socketPath, success);
        await unlink(socketPath);
        await eventually(clock, () => isThere(socketPath));
        assert.deepEqual(await asKubelet(socketPath, success), info);
        assert.equal(registered(), 2);
      });
    }));

  it("reports that kubelet can't find it: no folder, or another plug-in in its place", () =>
    inRegistry(async ({ clock, folder, socketPath, places, start, whileKept }) => {
      const registration = await start();
      const other = await start();
      await whileKept(registration, async () => {
        await eventually(clock, async () => /two instances/.test(registration.whyNotServed() ?? ""));
        assert.match(places.at(-1) ?? "", /^another process serves .*disk.csi.azure.com-reg.sock/u);
        await other.stop({ leavesSocket: false }, never);
        await eventually(
          clock,
          async () => registration.whyNotServed() === undefined && places.at(-1) === undefined,
        );
        assert.deepEqual(await asKubelet(socketPath, success), info);
        await rm(folder, { recursive: true });
        await eventually(clock, async () => /can't be made/.test(registration.whyNotServed() ?? ""));
      });
      await mkdir(folder);
    }));

  it("removes its socket at its end, or leaves it for the instance that follows", () =>
    inRegistry(async ({ socketPath, start }) => {
      const leaving = await start();
      await leaving.stop({ leavesSocket: true }, never);
      assert.equal(await isThere(socketPath), true);
      const last = await start();
      await last.stop({ leavesSocket: false }, never);
      assert.equal(await isThere(socketPath), false);
    }));

  it("refuses a place that is no socket, and a folder that does not exist", () =>
    inRegistry(async ({ folder, clock }) => {
      const options = {
        driverName: "d",
        csiSocketPath: "/s",
        clock,
        random: systemRandom,
        logger: silentLogger,
        onRegistered: () => undefined,
        onSocketTaken: () => undefined,
        events: { emit: () => undefined },
        nodeName: "node-a",
      };
      await writeFile(join(folder, "file"), "");
      for (const socketPath of [join(folder, "file"), join(folder, "missing", "reg.sock")]) {
        const registration = await registerWithKubelet({ ...options, socketPath });
        assert.equal(registration.ok ? "" : registration.failure.kind, "HostNotReady", socketPath);
      }
    }));
});
