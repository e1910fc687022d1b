import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelDisk, type ModelDisk } from "../../adapters/model-host/model-disk.ts";
import { createModelMachine } from "../../adapters/model-host/model-machine.ts";
import { forgetReservation, heldKey } from "../../adapters/model-host/reservation/model-reservation.ts";
import { aWriter, identity } from "../../core/testing/objects.ts";
import { changedRecord } from "../../core/testing/record-lists.ts";
import { valueOf } from "../../core/testing/value-of.ts";
import { grantKeyOf } from "../../core/writer/reservation/reservation-key.ts";
import type { NodePorts } from "../node-ports.ts";
import { aStageRequest, type NodeWorld, withNode } from "../testing/a-node.ts";

const never = new AbortController().signal;
const request = aStageRequest();

interface Used {
  readonly world: NodeWorld;
  readonly ports: () => NodePorts;
  /** Its record names no writer any more, and node-a as unverified. */
  readonly lose: () => Promise<void>;
  readonly reconcile: () => Promise<void>;
  readonly holder: () => string | undefined;
  readonly isMounted: () => boolean;
}

/** A pod on node-a uses a disk that this has reserved, if the disk has several shares, and reservations. */
async function withUsed(
  act: (used: Used) => Promise<void>,
  {
    support = "full",
    maxShares = 3,
  }: { readonly support?: ModelDisk["reservation"]["support"]; readonly maxShares?: number } = {},
): Promise<void> {
  await withNode(
    { writer: aWriter("node-a", { held: false }) },
    async (world) => {
      const ports = (): NodePorts => {
        const present = world.ports();
        return { ...present, settings: { ...present.settings, reservations: true } };
      };
      const lose = (): Promise<void> =>
        world.setRecord(({ writer: _, ...record }) =>
          changedRecord(record, { defaultAccess: "quarantined", unverified: [identity("node-a")] }),
        );
      const reconcile = async (): Promise<void> => {
        valueOf(await world.reconcile(ports()));
        await world.clock.advance(1_000);
      };
      const holder = (): string | undefined => heldKey(world.disk.reservation);
      world.disk.reservation.support = support;
      valueOf(await world.stage({}, ports()));
      valueOf(await world.publish({}, ports()));
      const isMounted = (): boolean => world.machine.mounts().length === 2;
      await act({ world, ports, lose, reconcile, holder, isMounted });
    },
    { disk: { maxShares } },
  );
}

/** The same, and node-a has reclaimed the volume after the loss of its record. */
function withReclaimed(
  act: (reclaimed: Used & { readonly earlier: string }) => Promise<void>,
): Promise<void> {
  return withUsed(async (used) => {
    const earlier = used.holder() ?? assert.fail("not reserved");
    await used.lose();
    await used.reconcile();
    assert.equal(used.world.record()?.writer?.held, true);
    await act({ ...used, earlier });
  });
}

const keyOf = ({ store }: NodePorts) =>
  store.get("AzVolume", "pvc-1", never).then((read) => grantKeyOf(valueOf(read)));

describe("ownVolumesReconciler of a reclaimed volume whose disk is reserved", () => {
  it("reserves it under the key of the present grant, once", () =>
    withReclaimed(async ({ world, ports, earlier, reconcile, holder }) => {
      assert.equal(holder(), earlier);
      await reconcile();
      const key = await world.answerOf(keyOf(ports()));
      assert.notEqual(key, earlier);
      assert.deepEqual([holder(), ports().checkpoints.volumes()[0]?.reservationKey], [key, key]);
      const taken = world.steps.length;
      await reconcile();
      assert.equal(world.steps.length, taken);
    }));

  for (const [because, change] of [
    ["another has taken it", { beef: true }],
    ["none has reserved it any more", {}],
  ] as const)
    it(`takes nothing where ${because}`, () =>
      withReclaimed(async ({ world, reconcile, holder }) => {
        const { reservation } = world.disk;
        forgetReservation(world.disk);
        if ("beef" in change) {
          reservation.keys.set(change, "617a00000000beef");
          reservation.holder = change;
        }
        const before = holder();
        await reconcile();
        assert.equal(holder(), before);
      }));

  it("sends nothing under a grant that it has lost since", () =>
    withReclaimed(async ({ world, ports, earlier, holder }) => {
      const get: NodePorts["store"]["get"] = async (kind, name, signal) => {
        const read = await ports().store.get(kind, name, signal);
        if (kind === "AzVolume") {
          const fencing = identity("node-a");
          await world.setRecord(({ writer, ...record }) =>
            writer === undefined ? record : { ...record, writer: { ...writer, requested: false }, fencing },
          );
        }
        return read;
      };
      const raced = { ...ports(), store: { ...ports().store, get } };
      await world.reconcile(raced);
      assert.equal(world.record()?.fencing?.nodeName, "node-a");
      assert.deepEqual([holder(), world.steps.filter((step) => step === "reserve").length], [earlier, 1]);
    }));

  it("keeps its mount where it dies with an outdated key, and loses its record again", () =>
    withReclaimed(async ({ world, ports, earlier, lose, reconcile, holder, isMounted }) => {
      world.during.checkpoint = () => Promise.reject(new Error("died"));
      await assert.rejects(reconcile(), /died/u);
      world.restartPlugin();
      assert.deepEqual(
        [holder() === earlier, ports().checkpoints.volumes()[0]?.reservationKey],
        [false, earlier],
      );
      await lose();
      await reconcile();
      assert.deepEqual([world.record()?.writer?.held, isMounted()], [true, true]);
      await reconcile();
      assert.equal(holder(), await world.answerOf(keyOf(ports())));
    }));
});

describe("ownVolumesReconciler of a volume whose record was lost", () => {
  for (const [sentence, isPreempted] of [
    ["reclaims what a pod has mounted while the disk takes its writes", false],
    ["removes a pod's mount once another node has the disk reserved, though it can be read", true],
  ] as const)
    it(sentence, () =>
      withUsed(async ({ world, lose, reconcile }) => {
        await lose();
        if (isPreempted) await reserveElsewhere(world, world.disk);
        await reconcile();
        const isWriter = world.record()?.writer?.nodeName === "node-a";
        assert.deepEqual([isWriter, world.machine.mounts().length], isPreempted ? [false, 0] : [true, 2]);
      }),
    );
});

describe("ownVolumesReconciler of a volume without its record, reserved by others", () => {
  it("reports it, leaves the mount, and reclaims it once that has ended", () =>
    withUsed(async ({ world, ports, lose, reconcile, isMounted }) => {
      await lose();
      forgetReservation(world.disk);
      world.disk.reservation.isForeign = true;
      const reconciled = await world.reconcile(ports());
      assert.equal(reconciled.ok, false);
      assert.deepEqual(
        world.emitted.map(({ about, reason, message }) => [about.name, reason, message]),
        [
          [
            "pvc-1",
            "ReservedByOthers",
            "node-a has the volume mounted, and can't learn whether the disk takes its writes: device " +
              "/dev/sdc is busy: other software has reserved it with another type",
          ],
        ],
      );
      assert.equal(isMounted(), true);
      world.disk.reservation.isForeign = false;
      await reconcile();
      assert.equal(world.record()?.writer?.nodeName, "node-a");
    }));
});

describe("ownVolumesReconciler of a volume whose record and checkpoint were lost", () => {
  for (const isStagedAgain of [false, true])
    it(`reserves it under the key of the present grant (staged again: ${isStagedAgain})`, () =>
      withUsed(async ({ world, ports, lose, reconcile, holder }) => {
        valueOf(await world.answerOf(ports().checkpoints.remove("pvc-1", never)));
        if (isStagedAgain) valueOf(await world.stage({}, ports()));
        const earlier = holder();
        await lose();
        await reconcile();
        await reconcile();
        const key = await world.answerOf(keyOf(ports()));
        assert.notEqual(key, earlier);
        assert.deepEqual([holder(), ports().checkpoints.volumes()[0]?.reservationKey], [key, key]);
      }));

  for (const isStagedAgain of [false, true])
    it(`removes a mount whose disk another node has reserved (staged again: ${isStagedAgain})`, () =>
      withUsed(async ({ world, ports, lose, reconcile }) => {
        valueOf(await world.answerOf(ports().checkpoints.remove("pvc-1", never)));
        if (isStagedAgain) valueOf(await world.stage({}, ports()));
        await lose();
        await reserveElsewhere(world, world.disk);
        await reconcile();
        assert.deepEqual([world.record()?.writer, world.machine.mounts()], [undefined, []]);
      }));
});

describe("ownVolumesReconciler of a volume that was mounted without a reservation", () => {
  for (const support of ["full", "none", "of the pod's own"] as const)
    it(`asks the disk for one no more than once (its reservations: ${support})`, () =>
      withUsed(async ({ world, ports, reconcile, holder }) => {
        const { reservationKey: _, ...without } =
          ports().checkpoints.volumes()[0] ?? assert.fail("no checkpoint");
        valueOf(await world.answerOf(ports().checkpoints.put(without, never)));
        forgetReservation(world.disk);
        world.disk.reservation.isForeign = support === "of the pod's own";
        if (support === "none") world.disk.reservation.support = support;
        await reconcile();
        world.machine.failNext("readHolder", { kind: "Cancelled" });
        await reconcile();
        assert.equal(holder(), undefined);
      }));
});

describe("ownVolumesReconciler of a volume whose checkpoint alone was lost", () => {
  it("sends nothing where the disk has the key of the present grant: the pod writes", () =>
    withUsed(async ({ world, ports, reconcile, holder }) => {
      valueOf(await world.answerOf(ports().checkpoints.remove("pvc-1", never)));
      valueOf(await world.stage({}, ports()));
      const taken = world.steps.length;
      await reconcile();
      assert.deepEqual(world.steps.slice(taken), ["checkpoint"]);
      assert.equal(ports().checkpoints.volumes()[0]?.reservationKey, holder());
    }));
});

describe("a node whose disk has no reservations", () => {
  it("asks for none after it has staged it: a pass would keep its publish waiting", () =>
    withUsed(
      async ({ world, reconcile }) => {
        const taken = world.steps.length;
        await reconcile();
        assert.deepEqual(world.steps.slice(taken), []);
      },
      { support: "none" },
    ));

  it("has none to end, and warns of nothing", () =>
    withUsed(
      async ({ world, ports }) => {
        const warnings: unknown[] = [];
        const logger = { ...ports().logger, warn: (...line: unknown[]) => warnings.push(line) };
        const unstaging = { ...ports(), logger };
        valueOf(await world.unpublish({}, unstaging));
        valueOf(await world.unstage({}, unstaging));
        assert.deepEqual(warnings, []);
      },
      { support: "none" },
    ));
});

describe("ownVolumesReconciler of a volume whose disk only one machine can have", () => {
  it("never asks the disk for a reservation", () =>
    withUsed(
      async ({ world, lose, reconcile, isMounted }) => {
        await lose();
        world.machine.failNext("readHolder", { kind: "Cancelled" });
        await reconcile();
        await reconcile();
        assert.deepEqual([world.record()?.writer?.held, isMounted()], [true, true]);
      },
      { maxShares: 1 },
    ));
});

describe("an attachment from a backup that names the LUN of another disk", () => {
  it("keeps the live mount while another machine has reserved that disk", () =>
    withUsed(async ({ world, lose, reconcile }) => {
      await reserveElsewhere(world, attachOther(world));
      await nameOtherLun(world);
      await lose();
      await reconcile();
      assert.deepEqual([world.record()?.writer?.nodeName, world.machine.mounts().length], ["node-a", 2]);
    }));

  it("leaves the reservation of that disk as it is", () =>
    withReclaimed(async ({ world, reconcile, ports }) => {
      const other = attachOther(world);
      const device = valueOf(await ports().host.findDevice({ lun: 1 }, never));
      const keyOfW = "617a0000000000aa";
      valueOf(await ports().host.reserve({ device, key: keyOfW }, never));
      await nameOtherLun(world);
      await reconcile();
      assert.equal(heldKey(other.reservation), keyOfW);
    }));
});

/** node-b has a disk, too, and takes its reservation, from whichever machine has it. */
async function reserveElsewhere({ clock }: NodeWorld, disk: ModelDisk): Promise<void> {
  const peer = createModelMachine({ nodeName: "node-b", clock });
  peer.attach({ lun: 0, disk });
  const host = peer.startPlugin();
  const device = valueOf(await host.findDevice({ lun: 0 }, never));
  const earlier = valueOf(await host.readReservation(device, never));
  valueOf(await host.reserve({ device, key: "617a00000000beef", earlier }, never));
}

/** Attaches the disk of another volume at LUN 1. */
function attachOther({ machine }: NodeWorld): ModelDisk {
  const disk = createModelDisk({ diskUri: `${request.volumeId}-w`, sizeBytes: 10n * 2n ** 30n });
  machine.attach({ lun: 1, disk });
  return disk;
}

function nameOtherLun(world: NodeWorld): Promise<void> {
  return world.setAttachment(({ status = { state: "Attached" }, ...present }) => ({
    ...present,
    status: { ...status, lun: 1 },
  }));
}
