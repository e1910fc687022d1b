import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumeDetail } from "../../core/api/az-volume.ts";
import type { DeviceContent } from "../../core/node/device/judge-device-content.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { agoMs, aWriter, diskUri } from "../../core/testing/objects.ts";
import { kindOf, must } from "../../core/testing/value-of.ts";
import type { FileSystemType } from "../../core/volume/device/file-system.ts";
import { type NodeWorld, stagingPath, withNode, aStageRequest } from "../testing/a-node.ts";
import type { StageRequest } from "./stage-request.ts";
import { stageVolume } from "./stage-volume.ts";

const never = new AbortController().signal;
const request = aStageRequest();
const granted = aWriter("node-a", { held: false });
const mark = { fsType: "ext4", nodeName: "node-b", time: agoMs(60_000) };
const ownMark = { diskUri, uuid: "uuid-1" };
const LIMIT_MS = 60_000;

const fileSystem = (fsType: FileSystemType, uuid = "uuid-1"): DeviceContent => ({
  kind: "fileSystem",
  fsType,
  uuid,
});
const detailOf = async (world: NodeWorld): Promise<VolumeDetail | undefined> =>
  (await must(world.store.get("AzVolume", "pvc-1", never))).status?.detail;

/** Sets what the volume's object says of earlier formats. */
async function setDetail(world: NodeWorld, marks: Pick<VolumeDetail, "formatted">): Promise<void> {
  const volume = await must(world.store.get("AzVolume", "pvc-1", never));
  assert.ok(volume.status?.detail !== undefined);
  await must(
    world.store.updateStatus(
      "AzVolume",
      { ...volume, status: { ...volume.status, detail: { ...volume.status.detail, ...marks } } },
      never,
    ),
  );
}

/** Stages after the LUN has been looked up in Azure again. */
async function stageOnceLookedUp(world: NodeWorld): Promise<string> {
  const staging = stageVolume(world.ports(), request, never);
  await world.clock.runUntil(() => world.attachment()?.status?.deviceMissing === true, LIMIT_MS);
  await world.setAttachment((attachment) => ({
    ...attachment,
    status: { ...attachment.status, state: "Attached", deviceMissing: false },
  }));
  return kindOf(await world.answerOf(staging));
}

/** Unstages, and grants the volume to the node once more. */
async function unstageAndGrant(world: NodeWorld, overrides: Partial<StageRequest>): Promise<void> {
  await must(world.unstage(overrides));
  await world.grantAgain();
}

describe("stageVolume and what is on the disk", () => {
  it("leaves a raw disk as it is", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(kindOf(await world.stage({ accessType: "block" })), "ok");
      assert.deepEqual([world.disk.content, world.machine.mounts()], [{ kind: "blank" }, []]);
    }));

  for (const fsType of ["ext4", "xfs"] as const)
    it(`keeps the data of an ${fsType} that it made itself, at each later stage`, () =>
      withNode({ writer: granted }, async (world) => {
        assert.equal(kindOf(await world.stage({ fsType })), "ok");
        assert.equal(world.machine.writeFile(`${stagingPath}/record`, "kept").kind, "done");
        for (let time = 1; time <= 2; time += 1) {
          await unstageAndGrant(world, { fsType });
          assert.equal(kindOf(await world.stage({ fsType })), "ok");
        }
        assert.deepEqual(world.machine.readFile(`${stagingPath}/record`), { kind: "done", text: "kept" });
        assert.ok(!world.steps.slice(world.steps.indexOf("format") + 1).includes("format"));
      }));

  it("keeps an ext4 whose first format was complete but not recorded", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.formatMark = ownMark;
      world.disk.content = fileSystem("ext4");
      world.disk.fileSystemBytes = gibToBytes(10);
      world.disk.files.set("/record", "kept");
      assert.equal(kindOf(await world.stage()), "ok");
      assert.deepEqual(
        [world.disk.files.get("/record"), (await detailOf(world))?.formatted?.uuid],
        ["kept", "uuid-1"],
      );
    }));

  it("does not format again where the check of a first format could not be run", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.formatMark = ownMark;
      world.disk.content = fileSystem("ext4");
      const failure = { kind: "HostCommandTimedOut", command: "e2fsck", timeoutMs: 1 } as const;
      world.machine.failNext("checkFileSystem", failure);
      assert.deepEqual(await world.stage(), { ok: false, failure });
      assert.deepEqual(world.disk.content, fileSystem("ext4"));
    }));

  it("never formats a broken file system that was in use", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.formatMark = ownMark;
      await setDetail(world, { formatted: { ...mark, uuid: "uuid-1" } });
      world.disk.content = fileSystem("ext4");
      world.disk.isBroken = true;
      for (let time = 1; time <= 3; time += 1) {
        assert.equal(kindOf(await world.stage()), "FileSystemBroken");
        await world.setAttachment((attachment) => attachment);
      }
      assert.deepEqual([world.disk.content, world.disk.isBroken], [fileSystem("ext4"), true]);
    }));

  it("refuses a blank device where the volume had a file system, and names its maker", () =>
    withNode({ writer: granted }, async (world) => {
      await setDetail(world, { formatted: mark });
      const staged = await world.stage();
      const problem = `it is blank, but node-b made ext4 on this volume at ${mark.time}`;
      assert.deepEqual(staged, {
        ok: false,
        failure: { kind: "WrongDevice", devicePath: "/dev/sdc", problem },
      });
      assert.deepEqual(world.disk.content, { kind: "blank" });
    }));

  it("makes no file system read-only", () =>
    withNode({ writer: granted }, async (world) => {
      const failure = {
        kind: "InvalidArgument",
        field: "readonly",
        value: "true",
        problem: "the volume has no file system yet and can't be given one read-only",
      } as const;
      assert.deepEqual(await world.stage({ readOnly: true }), { ok: false, failure });
      assert.deepEqual(world.disk.content, { kind: "blank" });
    }));

  it("grows no file system that is staged read-only", () =>
    withNode(
      { writer: granted },
      async (world) => {
        await setDetail(world, { formatted: { ...mark, uuid: "uuid-1" } });
        world.disk.content = fileSystem("ext4");
        world.disk.fileSystemBytes = gibToBytes(5);
        assert.equal(kindOf(await world.stage({ readOnly: true })), "ok");
        assert.equal(world.disk.fileSystemBytes, gibToBytes(5));
      },
      { mayGrowMountedExt: false },
    ));

  for (const method of ["readFormatMark", "writeFormatMark"] as const)
    it(`does not begin a first format that it could not mark: ${method}`, () =>
      withNode({ writer: granted }, async (world) => {
        const failure = { kind: "HostCommandFailed", command: "dd", exitCode: 1, stderr: "" } as const;
        world.machine.failNext(method, failure);
        assert.deepEqual(await world.stage(), { ok: false, failure });
        assert.deepEqual([world.disk.content, world.steps.includes("format")], [{ kind: "blank" }, false]);
      }));

  it("mounts and records nothing where the mark could not be erased", () =>
    withNode({ writer: granted }, async (world) => {
      const failure = { kind: "HostCommandFailed", command: "dd", exitCode: 1, stderr: "" } as const;
      world.machine.failNext("eraseFormatMark", failure);
      assert.deepEqual(await world.stage(), { ok: false, failure });
      assert.deepEqual([world.machine.mounts(), world.detail()?.formatted], [[], undefined]);
      assert.equal(kindOf(await world.stage()), "ok");
      assert.equal(world.disk.formatMark, undefined);
    }));

  it("records the UUID of a file system that existed first, and keeps its maker", () =>
    withNode({ writer: granted }, async (world) => {
      await setDetail(world, { formatted: mark });
      world.disk.content = fileSystem("ext4", "uuid-of-old");
      assert.equal(await stageOnceLookedUp(world), "ok");
      assert.deepEqual((await detailOf(world))?.formatted, { ...mark, uuid: "uuid-of-old" });
    }));

  it("writes nothing of a file system that is known already", () =>
    withNode({ writer: granted }, async (world) => {
      const formatted = { ...mark, uuid: "uuid-1" };
      await setDetail(world, { formatted });
      world.disk.content = fileSystem("ext4");
      const written: string[] = [];
      const ports = world.ports();
      const updateStatus: typeof ports.store.updateStatus = (kind, object, signal) => {
        written.push(kind);
        return ports.store.updateStatus(kind, object, signal);
      };
      assert.equal(
        kindOf(await world.stage({}, { ...ports, store: { ...ports.store, updateStatus } })),
        "ok",
      );
      assert.deepEqual(written, ["AzVolume"], "the acquire alone");
      assert.deepEqual((await detailOf(world))?.formatted, formatted);
    }));

  it("leaves the record of a file system without a UUID as it is", () =>
    withNode({ writer: granted }, async (world) => {
      await setDetail(world, { formatted: mark });
      world.disk.content = fileSystem("ext4", "");
      assert.equal(kindOf(await world.stage()), "ok");
      assert.deepEqual((await detailOf(world))?.formatted, mark);
    }));

  it("records a file system without a UUID as made, so that no node formats the disk", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.content = fileSystem("ext4", "");
      assert.equal(await stageOnceLookedUp(world), "ok");
      const formatted = (await detailOf(world))?.formatted;
      assert.deepEqual(
        [formatted?.fsType, formatted?.nodeName, formatted?.uuid],
        ["ext4", "node-a", undefined],
      );
    }));
});

describe("stageVolume where one command of the host fails", () => {
  const failure = { kind: "HostCommandFailed", command: "a command", exitCode: 1, stderr: "" } as const;

  const left = (world: NodeWorld): readonly unknown[] => [
    world.machine.mounts(),
    world.record()?.writer?.held,
    world.ports().checkpoints.volumes(),
  ];

  async function failsOnce(
    world: NodeWorld,
    method: Parameters<NodeWorld["machine"]["failNext"]>[0],
    overrides: Partial<StageRequest> = {},
  ): Promise<void> {
    world.machine.failNext(method, failure);
    assert.deepEqual(await world.stage(overrides), { ok: false, failure });
    assert.deepEqual(left(world), [[], false, []]);
    assert.equal(kindOf(await world.stage(overrides)), "ok");
  }

  for (const method of [
    "mountAt",
    "earlierChildrenAlive",
    "whileHolding",
    "dropCachedBlocks",
    "inspectDevice",
    "mountDevice",
  ] as const)
    it(`reports it, leaves nothing behind and stages at the next call: ${method}`, () =>
      withNode({ writer: granted }, async (world) => failsOnce(world, method)));

  it("reports a format that failed, and leaves nothing behind", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.failNext("format", failure);
      assert.deepEqual(await world.stage(), { ok: false, failure });
      assert.deepEqual(left(world), [[], false, []]);
    }));

  for (const method of ["mountsOf", "dropCachedBlocks"] as const)
    it(`does so with a raw disk: ${method}`, () =>
      withNode({ writer: granted }, async (world) => failsOnce(world, method, { accessType: "block" })));

  for (const method of ["checkFileSystem", "growBeforeMount"] as const)
    it(`does so with a file system that is there: ${method}`, () =>
      withNode({ writer: granted }, async (world) => {
        await setDetail(world, { formatted: { ...mark, uuid: "uuid-1" } });
        world.disk.content = fileSystem("ext4");
        await failsOnce(world, method);
      }));

  it("does not format over the rest of an unfinished format that it could not erase", () =>
    withNode({ writer: granted }, async (world) => {
      const rest: DeviceContent = {
        kind: "otherData",
        detail: "no known signature, but data at its start",
        hasNoSignature: true,
      };
      world.disk.formatMark = ownMark;
      world.disk.content = rest;
      const ports = world.ports();
      world.machine.failNext("eraseUnfinishedFormat", failure);
      assert.deepEqual(await world.stage({}, ports), { ok: false, failure });
      assert.deepEqual([world.disk.content, world.steps.includes("format")], [rest, false]);
    }));

  it("keeps the volume and its checkpoint while it is mounted all the same", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      const mountDevice: typeof ports.host.mountDevice = async (mountRequest, signal) => {
        await ports.host.mountDevice(mountRequest, signal);
        return { ok: false, failure };
      };
      const staged = await world.stage({}, { ...ports, host: { ...ports.host, mountDevice } });
      assert.deepEqual(staged, { ok: false, failure });
      assert.deepEqual([world.record()?.writer?.held, ports.checkpoints.volumes().length], [true, 1]);
    }));

  it("keeps the checkpoint where it can't release the volume", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.failNext("mountDevice", failure);
      world.during.mount = async () => void world.machine.openRaw(0);
      await world.setVolume(({ spec, ...volume }) => ({
        ...volume,
        spec: {
          ...spec,
          capabilities: [...spec.capabilities, { accessType: "block", accessMode: "SINGLE_NODE_WRITER" }],
        },
      }));
      assert.deepEqual(await world.stage(), { ok: false, failure });
      assert.deepEqual([world.record()?.writer?.held, world.ports().checkpoints.volumes().length], [true, 1]);
    }));

  it("reports a running command of an earlier plug-in, and acquires nothing", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.setLatencyMs("format", LIMIT_MS);
      const left = new AbortController();
      const staging = stageVolume(world.ports(), request, left.signal);
      await world.clock.runUntil(() => world.machine.commandsInFlight().length > 0, LIMIT_MS);
      world.restartPlugin();
      left.abort();
      await world.answerOf(staging);
      await world.grantAgain();
      const detail = "a mount command of an earlier plug-in is still running";
      assert.deepEqual(await world.stage(), { ok: false, failure: { kind: "HostNotReady", detail } });
      assert.equal(world.record()?.writer?.held, false);
    }));
});
