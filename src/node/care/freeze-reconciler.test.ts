import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { fail } from "../../core/failure/result.ts";
import { aWriter } from "../../core/testing/objects.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { thawLeftFreezes } from "../lifecycle/thaw-left-freezes.ts";
import type { StageRequest } from "../stage/stage-request.ts";
import { type NodeWorld, stagingPath, withNode } from "../testing/a-node.ts";
import { freezeReconciler } from "./freeze-reconciler.ts";

const never = new AbortController().signal;
const SECONDS = 10;

/** A plug-in with the volume staged, and passes of its reconciler. */
interface Freezer {
  readonly world: NodeWorld;
  ask(freeze: AzVolumeAttachment["spec"]["freeze"]): Promise<void>;
  pass(): Promise<Reconciled>;
  restart(how: { readonly childrenSurvive: boolean }): void;
  readonly answer: () => unknown;
  readonly isFrozen: () => boolean;
}

function withFreezer(
  act: (freezer: Freezer) => Promise<void>,
  accessType: StageRequest["accessType"] = "mount",
): Promise<void> {
  return withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
    const ready = await world.stage({ accessType });
    assert.equal(ready.ok, true);
    let reconciler = freezeReconciler(world.ports());
    await act({
      world,
      ask: (freeze) =>
        world.setAttachment(({ spec: { freeze: _, ...spec }, ...attachment }) => ({
          ...attachment,
          spec: { ...spec, ...(freeze === undefined ? {} : { freeze }) },
        })),
      pass: () => world.answerOf(reconciler.reconcile("pvc-1", never)),
      restart: (how) => {
        world.restartPlugin(how);
        reconciler = freezeReconciler(world.ports());
      },
      answer: () => world.attachment()?.status?.freeze,
      isFrozen: () => world.machine.frozenDisks().length > 0,
    });
  });
}

const asked = { id: "f", seconds: SECONDS };
const taken = { ...asked, isTaken: true } as const;

describe("freezeReconciler", () => {
  it("freezes as asked, thaws once the snapshot is taken, and answers that it held", () =>
    withFreezer(async ({ ask, pass, answer, isFrozen, world }) => {
      await ask(asked);
      assert.deepEqual(await pass(), { ok: true, value: { requeueAfterMs: SECONDS * 1_000 } });
      assert.deepEqual([answer(), isFrozen()], [{ id: "f", state: "Frozen" }, true]);
      await ask(taken);
      await pass();
      assert.deepEqual([answer(), isFrozen()], [{ id: "f", state: "Held" }, false]);
      assert.deepEqual(world.ports().checkpoints.freezes(), []);
      const before = world.steps.length;
      await pass();
      assert.equal(world.steps.length, before);
    }));

  it("does not call it held when another client has removed the request", () =>
    withFreezer(async ({ ask, pass, answer, isFrozen }) => {
      await ask(asked);
      await pass();
      await ask(undefined);
      await pass();
      assert.deepEqual([answer(), isFrozen()], [{ id: "f", state: "Lost" }, false]);
    }));

  it("answers that it held also where the store failed to take that answer at first", () =>
    withFreezer(async ({ ask, pass, answer, isFrozen, world }) => {
      await ask(asked);
      await pass();
      await ask(taken);
      world.during["answer-freeze"] = () => Promise.reject(new Error("the store is gone"));
      await assert.rejects(pass());
      assert.deepEqual([answer(), isFrozen()], [{ id: "f", state: "Frozen" }, false]);
      await pass();
      assert.deepEqual(answer(), { id: "f", state: "Held" });
      assert.deepEqual(world.ports().checkpoints.freezes(), []);
    }));

  it("never calls held what it thawed too early and could not answer", () =>
    withFreezer(async ({ ask, pass, answer, world }) => {
      await ask(asked);
      await pass();
      await ask({ ...asked, isCancelled: true });
      world.during["answer-freeze"] = () => Promise.reject(new Error("the store is gone"));
      await assert.rejects(pass());
      await ask(taken);
      await pass();
      assert.deepEqual(answer(), { id: "f", state: "Lost" });
    }));

  it("answers that it was lost if its time is over before the snapshot is taken", () =>
    withFreezer(async ({ ask, pass, answer, isFrozen, world }) => {
      await ask(asked);
      await pass();
      await world.clock.advance(SECONDS * 1_000);
      assert.equal(isFrozen(), false);
      await ask(taken);
      await pass();
      assert.deepEqual(answer(), { id: "f", state: "Lost" });
    }));

  it("thaws at once for a request that was cancelled, and does not call it held", () =>
    withFreezer(async ({ ask, pass, answer, isFrozen }) => {
      await ask(asked);
      await pass();
      await ask({ ...asked, isCancelled: true });
      await pass();
      assert.deepEqual([answer(), isFrozen()], [{ id: "f", state: "Lost" }, false]);
    }));

  it("does not delay the end of a pod, and answers that the freeze was lost", () =>
    withFreezer(async ({ ask, pass, answer, world }) => {
      await ask(asked);
      await pass();
      assert.equal((await world.unstage()).ok, true);
      assert.deepEqual(world.machine.mounts(), []);
      await ask(taken);
      await pass();
      assert.deepEqual(answer(), { id: "f", state: "Lost" });
    }));

  for (const childrenSurvive of [true, false])
    it(`leaves nothing frozen when its plug-in dies ${childrenSurvive ? "alone" : "with its holder"}`, () =>
      withFreezer(async ({ ask, pass, answer, isFrozen, restart, world }) => {
        await ask(asked);
        await pass();
        restart({ childrenSurvive });
        assert.equal(isFrozen(), !childrenSurvive);
        await world.answerOf(thawLeftFreezes(world.ports(), never));
        assert.equal(isFrozen(), false);
        await pass();
        assert.deepEqual(answer(), { id: "f", state: "Lost" });
        assert.deepEqual(world.ports().checkpoints.freezes(), []);
      }));

  it("refuses a raw block volume, and says why", () =>
    withFreezer(async ({ ask, pass, answer }) => {
      await ask(asked);
      await pass();
      const detail = "a raw block volume has no file system to freeze";
      assert.deepEqual(answer(), { id: "f", state: "Refused", detail });
    }, "block"));

  it("thaws at once for a recall, and freezes nothing until the volume is released", () =>
    withFreezer(async ({ ask, pass, answer, isFrozen, world }) => {
      await ask(asked);
      await pass();
      const recall = { id: "r", since: "2026-01-01T00:00:00.000Z" };
      await world.setAttachment((present) => ({ ...present, spec: { ...present.spec, recall } }));
      await pass();
      assert.deepEqual([answer(), isFrozen()], [{ id: "f", state: "Lost" }, false]);
      await ask({ ...asked, id: "g" });
      await pass();
      const detail = "node-a is releasing the volume";
      assert.deepEqual([answer(), isFrozen()], [{ id: "g", state: "Refused", detail }, false]);
    }));

  it("does not thaw what a backup's hook has frozen", () =>
    withFreezer(async ({ ask, pass, answer, isFrozen, world }) => {
      const [volume] = world.ports().checkpoints.volumes();
      assert.ok(volume?.majorMinor !== undefined);
      const hook = { path: stagingPath, majorMinor: volume.majorMinor, limitMs: 600_000 };
      assert.equal((await world.answerOf(world.ports().host.freeze(hook, never))).ok, true);
      await ask(asked);
      await pass();
      assert.match(JSON.stringify(answer()), /"Refused"/u);
      assert.deepEqual([isFrozen(), world.ports().checkpoints.freezes()], [true, []]);
    }));

  it("leaves alone what another program freezes while its own mark can't be removed", () =>
    withFreezer(async ({ ask, answer, isFrozen, world }) => {
      const { checkpoints, ...ports } = world.ports();
      const full = { kind: "HostNotReady", detail: "no space left on the device" } as const;
      const removeFreeze = async () => fail(full);
      const stuck = { ...ports, checkpoints: { ...checkpoints, removeFreeze } };
      const reconciler = freezeReconciler(stuck);
      const pass = () => world.answerOf(reconciler.reconcile("pvc-1", never));
      await ask(asked);
      await pass();
      await ask(taken);
      assert.deepEqual(await pass(), fail(full));
      assert.deepEqual([answer(), isFrozen()], [{ id: "f", state: "Held" }, false]);
      const [mark] = checkpoints.freezes();
      assert.ok(mark !== undefined);
      const hook = { ...mark, limitMs: 600_000 };
      assert.equal((await world.answerOf(world.machine.startPlugin().freeze(hook, never))).ok, true);
      assert.deepEqual(await pass(), fail(full));
      await world.answerOf(thawLeftFreezes(stuck, never));
      assert.equal(isFrozen(), true);
    }));

  it("never reports as frozen what it has failed to freeze and to thaw", () =>
    withFreezer(async ({ ask, pass, answer, world }) => {
      const stuck = { kind: "HostCommandTimedOut", command: "fsfreeze", timeoutMs: 1 } as const;
      world.machine.failNext("freeze", stuck);
      world.machine.failNext("thaw", stuck);
      await ask(asked);
      assert.equal((await pass()).ok, false);
      await pass();
      assert.deepEqual(answer(), { id: "f", state: "Lost" });
    }));

  it("reports what its flush shows to be lost, and freezes at the next request", () =>
    withFreezer(async ({ ask, pass, answer, isFrozen, world }) => {
      world.machine.failNext("freeze", { kind: "WritesLost", devicePath: "/dev/sdc", detail: "EIO" });
      await ask(asked);
      await pass();
      assert.match(JSON.stringify(answer()), /"Refused".*EIO/u);
      assert.deepEqual([isFrozen(), world.ports().checkpoints.freezes()], [false, []]);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["WritesLost"],
      );
      await ask({ ...asked, id: "g" });
      await pass();
      assert.equal(isFrozen(), true);
    }));

  it("refuses what the kernel does not freeze, and leaves nothing frozen", () =>
    withFreezer(async ({ ask, pass, answer, isFrozen, world }) => {
      const busy = { kind: "HostCommandFailed", command: "fsfreeze", exitCode: 1, stderr: "busy" } as const;
      world.machine.failNext("freeze", busy);
      await ask(asked);
      await pass();
      assert.match(JSON.stringify(answer()), /"Refused".*busy/u);
      assert.deepEqual([isFrozen(), world.ports().checkpoints.freezes()], [false, []]);
    }));
});
