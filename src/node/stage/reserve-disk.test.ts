import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelMachine } from "../../adapters/model-host/model-machine.ts";
import { forgetReservation } from "../../adapters/model-host/reservation/model-reservation.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { aWriter, identity } from "../../core/testing/objects.ts";
import { changedRecord } from "../../core/testing/record-lists.ts";
import { valueOf, kindOf } from "../../core/testing/value-of.ts";
import type { DiskReservations } from "../../ports/host/disk-reservations.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import type { NodePorts } from "../node-ports.ts";
import { anotherDisk, aStageRequest, type NodeWorld, withNode } from "../testing/a-node.ts";
import { stageVolume } from "./stage-volume.ts";

const never = new AbortController().signal;
const request = aStageRequest();
const granted = { writer: aWriter("node-a", { held: false }) };
const shared = { disk: { maxShares: 3 } };
const STALE = "617a00000000beef";
const UUID = "11111111-1111-4111-8111-111111111111";
const OTHER_UUID = "22222222-2222-4222-8222-222222222222";
const OTHER_SOFTWARE = "0000000000000abc";

function reserving(world: NodeWorld, reservations = true): NodePorts {
  const ports = world.ports();
  return { ...ports, settings: { ...ports.settings, reservations } };
}

function stage(world: NodeWorld, reservations = true): Promise<Result<unknown>> {
  return world.stage({}, reserving(world, reservations));
}

/** Another machine with the same disk. */
async function aPeer(
  world: NodeWorld,
  disk = world.disk,
): Promise<{ readonly host: DiskReservations; readonly device: Device }> {
  const machine = createModelMachine({ nodeName: "node-b", clock: world.clock });
  machine.attach({ lun: 0, disk });
  const host = machine.startPlugin();
  return { host, device: valueOf(await world.answerOf(host.findDevice({ lun: 0 }, never))) };
}

async function holder(world: NodeWorld): Promise<string | undefined> {
  const { host, device } = await aPeer(world);
  return valueOf(await host.readReservation(device, never));
}

describe("stageVolume with reservations", () => {
  it("reserves the disk before its format, and ends that before the release", () =>
    withNode(
      granted,
      async (world) => {
        assert.equal(kindOf(await stage(world)), "ok");
        const key = await holder(world);
        assert.equal(world.ports().checkpoints.volumes()[0]?.reservationKey, key);
        assert.ok(key !== undefined);
        const order = ["acquire", "checkpoint", "reserve", "format", "mount"] as const;
        assert.deepEqual(
          world.steps.filter((step) => (order as readonly string[]).includes(step)),
          order,
        );
        valueOf(await world.unstage());
        assert.equal(await holder(world), undefined);
        assert.deepEqual(world.steps.slice(-2), ["end-reservation", "release"]);
      },
      shared,
    ));

  for (const [because, options, reservations] of [
    ["no other node can have the disk", { disk: { maxShares: 1 } }, true],
    ["the node reserves none", shared, false],
  ] as const)
    it(`reserves nothing where ${because}`, () =>
      withNode(
        granted,
        async (world) => {
          assert.equal(kindOf(await stage(world, reservations)), "ok");
          assert.equal(await holder(world), undefined);
        },
        options,
      ));

  it("leaves it reserved beside a node that may write by a rebuilt record", () =>
    withNode(
      granted,
      async (world) => {
        assert.equal(kindOf(await stage(world)), "ok");
        // A lost record has forgotten that only the reservation keeps the frozen node-c from writing.
        await world.setRecord((record) => changedRecord(record, { unverified: [identity("node-c")] }));
        const key = await holder(world);
        valueOf(await world.unstage());
        assert.equal(world.record()?.writer?.held, false);
        assert.equal(await holder(world), key);
      },
      shared,
    ));

  it("takes over what an earlier writer has left: it could not write otherwise", () =>
    withNode(
      granted,
      async (world) => {
        const { host, device } = await aPeer(world);
        valueOf(await host.reserve({ device, key: STALE }, never));
        assert.equal(kindOf(await stage(world)), "ok");
        assert.notEqual(await holder(world), STALE);
        assert.equal(world.machine.canWrite(world.disk.diskUri), true);
      },
      shared,
    ));

  for (const { content, formatted } of [
    { content: "another file system", formatted: { fsType: "ext4", uuid: UUID } },
    { content: "no data", formatted: undefined },
  ])
    it(`takes no disk with ${content} at a backup's LUN from another volume`, () =>
      withNode(
        granted,
        async (world) => {
          const other = anotherDisk();
          if (formatted !== undefined)
            other.content = { kind: "fileSystem", fsType: "ext4", uuid: OTHER_UUID };
          world.machine.detach(0);
          world.machine.attach({ lun: 0, disk: other });
          await world.setFormatted(formatted);
          const { host, device } = await aPeer(world, other);
          valueOf(await host.reserve({ device, key: STALE }, never));
          assert.equal(kindOf(await stage(world)), "StillWaiting");
          assert.equal(valueOf(await host.readReservation(device, never)), STALE);
          assert.deepEqual(world.machine.mounts(), []);
        },
        shared,
      ));

  it("takes nothing over once it is being fenced: another has preempted it", () =>
    withNode(
      granted,
      async (world) => {
        const { host, device } = await aPeer(world);
        // After this node has read who holds the disk, and before it reads the record once more.
        world.during.checkpoint = async () => {
          valueOf(await host.reserve({ device, key: STALE }, never));
          await world.setRecord((record) => ({ ...record, fencing: identity("node-a") }));
        };
        assert.equal(kindOf(await stage(world)), "NotWriter");
        assert.equal(await holder(world), STALE);
        assert.deepEqual(world.machine.mounts(), []);
      },
      shared,
    ));

  it("leaves other software's reservation alone, and mounts nothing", () =>
    withNode(
      granted,
      async (world) => {
        const { host, device } = await aPeer(world);
        valueOf(await host.reserve({ device, key: OTHER_SOFTWARE }, never));
        assert.equal(kindOf(await stage(world)), "StillWaiting");
        assert.equal(await holder(world), OTHER_SOFTWARE);
        assert.equal(world.record()?.writer?.held, false, "another node may be able to");
      },
      shared,
    ));

  for (const method of ["readReservation", "reserve"] as const)
    it(`lets its client call again where the disk fails ${method}, and releases the volume`, () =>
      withNode(
        granted,
        async (world) => {
          const stderr = "Input/output error";
          const command = "sg_persist";
          world.machine.failNext(method, { kind: "HostCommandFailed", command, exitCode: 1, stderr });
          assert.equal(kindOf(await stage(world)), "HostNotReady");
          assert.equal(world.record()?.writer?.held, false);
          assert.equal(kindOf(await stage(world)), "ok");
        },
        shared,
      ));

  it("goes without where the disk has no reservations, and logs that", () =>
    withNode(
      granted,
      async (world) => {
        world.disk.reservation.support = "none";
        const warnings: unknown[] = [];
        const ports = reserving(world);
        const logger = { ...ports.logger, warn: (...line: unknown[]) => warnings.push(line) };
        const staged = stageVolume({ ...ports, logger }, request, never);
        assert.equal(kindOf(await world.answerOf(staged)), "ok");
        const devicePath = valueOf(await ports.host.findDevice({ lun: 0 }, never)).path;
        const unsupported = {
          kind: "Unsupported",
          what: `a persistent reservation of ${devicePath}`,
        } as const;
        const because = describeFailure(unsupported);
        assert.deepEqual(warnings, [["disk not reserved", { volumeName: "pvc-1", devicePath, because }]]);
      },
      shared,
    ));

  for (const [sentence, left, expected] of [
    ["goes without where the disk shows reservations, and takes none", undefined, "ok"],
    ["mounts nothing where the disk takes none beside one that was left", STALE, "Unsupported"],
  ] as const)
    it(sentence, () =>
      withNode(
        granted,
        async (world) => {
          const { host, device } = await aPeer(world);
          if (left !== undefined) valueOf(await host.reserve({ device, key: left }, never));
          world.during.checkpoint = async () => {
            world.disk.reservation.support = "none";
          };
          assert.equal(kindOf(await stage(world)), expected);
        },
        shared,
      ),
    );

  describe("while only a reservation keeps a fenced node off", () => {
    const preempted = { ...granted, fencing: { ...identity("node-c"), preempted: 1 } };

    it("has it before it mounts, and leaves the disk reserved", () =>
      withNode(
        preempted,
        async (world) => {
          const { host, device } = await aPeer(world);
          valueOf(await host.reserve({ device, key: STALE }, never));
          assert.equal(kindOf(await stage(world, false)), "ok");
          const key = await holder(world);
          assert.notEqual(key, STALE);
          valueOf(await world.unstage());
          assert.equal(world.record()?.writer?.held, false);
          assert.equal(await holder(world), key);
        },
        shared,
      ));

    it("does not reserve a disk that loses its reservation once it has looked", () =>
      withNode(
        preempted,
        async (world) => {
          const { host, device } = await aPeer(world);
          valueOf(await host.reserve({ device, key: STALE }, never));
          // From here on the frozen node writes, and what the disk accepts may land after any later write.
          world.during.checkpoint = async () => forgetReservation(world.disk);
          assert.equal(kindOf(await stage(world)), "DeviceBusy");
          assert.equal(await holder(world), undefined);
          assert.deepEqual(world.machine.mounts(), []);
        },
        shared,
      ));

    it("takes it from no node whose accepted writes the disk can't abort", () =>
      withNode(
        preempted,
        async (world) => {
          world.disk.reservation.support = "withoutAbort";
          const { host, device } = await aPeer(world);
          valueOf(await host.reserve({ device, key: STALE }, never));
          assert.equal(kindOf(await stage(world)), "StillWaiting");
          assert.equal(await holder(world), STALE);
          assert.deepEqual(world.machine.mounts(), []);
        },
        shared,
      ));

    it("keeps it where this node has preempted it, and stages again", () =>
      withNode(
        preempted,
        async (world) => {
          const { host } = world.ports();
          const device = valueOf(await world.answerOf(host.findDevice({ lun: 0 }, never)));
          valueOf(await world.answerOf(host.reserve({ device, key: STALE }, never)));
          assert.equal(kindOf(await stage(world)), "ok");
          const key = await holder(world);
          assert.notEqual(key, STALE);
          valueOf(await world.unstage());
          await world.setRecord((record) => ({ ...record, writer: aWriter("node-a", { held: false }) }));
          assert.equal(kindOf(await stage(world)), "ok");
          assert.equal(world.machine.canWrite(world.disk.diskUri), true);
        },
        shared,
      ));

    for (const [because, spoil] of [
      ["the disk has lost it", (world) => forgetReservation(world.disk)],
      ["this node can't have it", (world) => (world.disk.reservation.support = "none")],
      [
        "the disk can't abort what it has accepted",
        (world) => (world.disk.reservation.support = "withoutAbort"),
      ],
    ] as const satisfies readonly (readonly [string, (world: NodeWorld) => unknown])[])
      it(`waits for Azure's proof where ${because}`, () =>
        withNode(
          preempted,
          async (world) => {
            const { host, device } = await aPeer(world);
            valueOf(await host.reserve({ device, key: STALE }, never));
            spoil(world);
            assert.equal(kindOf(await stage(world)), "StillWaiting");
            assert.deepEqual(world.machine.mounts(), []);
          },
          shared,
        ));
  });
});
