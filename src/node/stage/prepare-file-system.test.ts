import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import type { DeviceContent } from "../../core/node/device/judge-device-content.ts";
import { lastingReasons, WITH_ERRORS } from "../../core/node/file-system/why-not-grown.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import { kindOf } from "../../core/testing/value-of.ts";
import type { FileSystemType } from "../../core/volume/device/file-system.ts";
import type { NodePorts } from "../node-ports.ts";
import { type NodeWorld, withNode, aStageRequest, anotherDisk, otherUri } from "../testing/a-node.ts";
import type { StageRequest } from "./stage-request.ts";
import { stageVolume } from "./stage-volume.ts";
import { unstageVolume } from "./unstage-volume.ts";

const never = new AbortController().signal;
const request = aStageRequest();
const granted = aWriter("node-a", { held: false });
const FORMATS_FOR_MS = 10_000;
const FORMAT_BEGINS_MAX_MS = 10_000;
const LOOK_MAX_MS = 10_000;
const rest: DeviceContent = {
  kind: "otherData",
  detail: "no known signature, but data at its start",
  hasNoSignature: true,
};

async function stage(
  world: NodeWorld,
  ports: NodePorts,
  overrides: Partial<StageRequest> = {},
): Promise<string> {
  return kindOf(await world.stage(overrides, ports));
}

/**
 * Kills the plug-in and its command at that share of the command's time. Returns the ports of the next
 * plug-in.
 */
async function cutOff(world: NodeWorld, fsType: FileSystemType, doneShare: number): Promise<NodePorts> {
  world.machine.setLatencyMs("format", FORMATS_FOR_MS);
  const staging = stageVolume(world.ports(), { ...request, fsType }, never);
  await world.clock.runUntil(
    () => world.machine.commandsInFlight().some((line) => line.startsWith("format")),
    FORMAT_BEGINS_MAX_MS,
  );
  await world.clock.advance(doneShare * FORMATS_FOR_MS);
  world.restartPlugin({ childrenSurvive: false });
  const staged = await world.answerOf(staging);
  assert.equal(kindOf(staged), "Cancelled");
  world.machine.setLatencyMs("format", 0);
  return world.ports();
}

/** The work of the controller once it has read the VM again. */
function lookedUp(world: NodeWorld, lun: number): Promise<void> {
  return world.setAttachment((attachment) => ({
    ...attachment,
    status: { ...attachment.status, state: "Attached", lun, deviceMissing: false },
  }));
}

/** Stages while the controller, which is to look the LUN up again, finds that one. */
async function stageLookedUp(
  world: NodeWorld,
  ports: NodePorts,
  lun: number,
  overrides: Partial<StageRequest> = {},
): Promise<string> {
  const staging = stageVolume(ports, { ...request, ...overrides }, never);
  assert.ok(
    await world.clock.runUntil(() => world.attachment()?.status?.deviceMissing === true, LOOK_MAX_MS),
    "the LUN is not looked up again",
  );
  await lookedUp(world, lun);
  const staged = await world.answerOf(staging);
  return kindOf(staged);
}

describe("a raw disk that shows no data, and is requested with a file system", () => {
  for (const mode of ["block", "mount"] as const)
    it(`is not formatted once a pod had it raw, where its volume was made for ${mode}`, () =>
      withNode({ writer: granted }, async (world) => {
        const block = { accessType: "block", accessMode: "SINGLE_NODE_WRITER" } as const;
        await world.setVolume(({ spec, ...volume }) => ({
          ...volume,
          spec: { ...spec, capabilities: [{ ...block, accessType: mode }] },
        }));
        assert.equal(await stage(world, world.ports(), { accessType: "block" }), "ok");
        const unstaging = unstageVolume(world.ports(), request, never);
        assert.equal((await world.answerOf(unstaging)).ok, true);
        await world.grantAgain();
        assert.equal(await stage(world, world.ports()), "WrongFileSystem");
        assert.equal(world.disk.content.kind, "blank");
        assert.equal(world.disk.formatMark, undefined);
      }));
});

describe("an interrupted first format", () => {
  const phases = [
    { because: "before it wrote anything", fsType: "ext4", doneShare: 0.1, left: "blank" },
    { because: "with data and no signature", fsType: "ext4", doneShare: 0.5, left: "otherData" },
    {
      because: "with the signature of a file system that is not complete",
      fsType: "ext4",
      doneShare: 0.9,
      left: "fileSystem",
    },
    {
      because: "with the signature of an XFS, which nothing checks",
      fsType: "xfs",
      doneShare: 0.9,
      left: "fileSystem",
    },
  ] as const;
  for (const { because, fsType, doneShare, left } of phases) {
    it(`is repeated with its UUID, by the mark alone, ${because}`, () =>
      withNode({ writer: granted }, async (world) => {
        const ports = await cutOff(world, fsType, doneShare);
        const mark = world.disk.formatMark;
        assert.deepEqual(
          [world.disk.content.kind, mark?.diskUri, world.detail()?.formatted],
          [left, diskUri, undefined],
        );
        assert.equal(await stage(world, ports, { fsType }), "ok");
        assert.deepEqual(world.disk.content, { kind: "fileSystem", fsType, uuid: mark?.uuid });
        assert.deepEqual(
          [world.disk.isBroken, world.disk.formatMark, world.detail()?.formatted?.uuid],
          [false, undefined, mark?.uuid],
        );
      }));
  }

  it("is not repeated once the record no longer says that the node holds the volume", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = await cutOff(world, "ext4", 0.5);
      const mark = world.disk.formatMark;
      world.during.checkpoint = () => world.setRecord((record) => ({ ...record, writer: aWriter("node-b") }));
      assert.equal(await stage(world, ports), "NotWriter");
      assert.deepEqual([world.disk.content, world.disk.formatMark], [rest, mark]);
    }));

  it("is left to a person without its mark", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = await cutOff(world, "ext4", 0.5);
      world.disk.formatMark = undefined;
      assert.equal(await stage(world, ports), "WrongFileSystem");
      assert.deepEqual(world.disk.content, rest);
    }));

  it("is not repeated over an XFS that a person made by hand", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = await cutOff(world, "xfs", 0.5);
      const byHand: DeviceContent = { kind: "fileSystem", fsType: "xfs", uuid: "uuid-by-hand" };
      world.disk.content = byHand;
      world.disk.fileSystemBytes = gibToBytes(10);
      assert.equal(await stageLookedUp(world, ports, 0, { fsType: "xfs" }), "ok");
      assert.deepEqual([world.disk.content, world.disk.formatMark], [byHand, undefined]);
    }));

  it("is no reason to format another volume's disk that came to its LUN", () =>
    withNode(
      { writer: granted },
      async (world) => {
        const ports = await cutOff(world, "ext4", 0.5);
        const other = anotherDisk();
        other.content = rest;
        world.machine.detach(0);
        world.machine.attach({ lun: 0, disk: other });
        world.machine.attach({ lun: 1, disk: world.disk });
        assert.equal(await stage(world, ports), "WrongFileSystem");
        await lookedUp(world, 1);
        assert.equal(await stage(world, ports), "ok");
        assert.deepEqual([other.content, world.disk.content.kind], [rest, "fileSystem"]);
      },
      { reusesNumbers: true },
    ));

  it("is complete where only its record is missing, and is used as it is", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(await stage(world, world.ports()), "ok");
      const { content } = world.disk;
      const uuid = content.kind === "fileSystem" ? content.uuid : "";
      assert.ok((await world.unstage()).ok);
      await world.grantAgain();
      await world.setFormatted(undefined);
      world.disk.formatMark = { diskUri, uuid };
      assert.equal(await stage(world, world.ports()), "ok");
      assert.deepEqual(
        [world.disk.content, world.disk.formatMark, world.detail()?.formatted?.uuid],
        [content, undefined, uuid],
      );
    }));

  it("is made with the geometry that the volume's attributes state", () =>
    withNode({ writer: granted }, async (world) => {
      const volumeContext = { blocksize: "4096", inodeSize: "512", bytesPerInode: "8192" };
      assert.equal(await stage(world, world.ports(), { volumeContext }), "ok");
      assert.deepEqual(world.disk.geometry, { blockSize: 4096, inodeSize: 512, bytesPerInode: 8192 });
    }));

  it("is made with that geometry again after an interruption", () =>
    withNode({ writer: granted }, async (world) => {
      const volumeContext = { inodeSize: "512" };
      const next = await cutOff(world, "ext4", 0.5);
      assert.deepEqual(world.disk.content, rest);
      assert.equal(await stage(world, next, { volumeContext }), "ok");
      assert.deepEqual(world.disk.geometry, { inodeSize: 512 });
    }));

  it("is neither marked nor made with a geometry that mkfs refuses", () =>
    withNode({ writer: granted }, async (world) => {
      const volumeContext = { inodeSize: "512", bytesPerInode: "1024" };
      assert.equal(await stage(world, world.ports(), { volumeContext }), "InvalidArgument");
      assert.deepEqual([world.disk.content, world.disk.formatMark], [{ kind: "blank" }, undefined]);
    }));

  it("is marked while mkfs runs, and the mark is erased before it is recorded", () =>
    withNode({ writer: granted }, async (world) => {
      const marks: unknown[] = [];
      const { host } = world.ports();
      const watched: NodePorts = {
        ...world.ports(),
        host: {
          ...host,
          format: (formatting, signal) => {
            marks.push(world.disk.formatMark?.uuid === formatting.uuid);
            return host.format(formatting, signal);
          },
          eraseFormatMark: (erasing, signal) => {
            marks.push(world.detail()?.formatted);
            return host.eraseFormatMark(erasing, signal);
          },
        },
      };
      assert.equal(await stage(world, watched), "ok");
      assert.deepEqual([marks, world.detail()?.formatted !== undefined], [[true, undefined], true]);
    }));
});

describe("a raw disk with the mark of a first format", () => {
  it("loses it before a pod gets the disk: what the pod writes is no rest of a format", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.content = rest;
      world.disk.formatMark = { diskUri, uuid: "uuid-1" };
      assert.equal(await stage(world, world.ports(), { accessType: "block" }), "ok");
      assert.deepEqual([world.disk.content, world.disk.formatMark], [rest, undefined]);
    }));

  it("keeps one that names another disk: it is data of the copied disk", () =>
    withNode({ writer: granted }, async (world) => {
      const mark = { diskUri: otherUri, uuid: "uuid-1" };
      world.disk.content = rest;
      world.disk.formatMark = mark;
      assert.equal(await stage(world, world.ports(), { accessType: "block" }), "ok");
      assert.deepEqual(world.disk.formatMark, mark);
    }));
});

describe("a file system that neither the record nor a mark names", () => {
  const found: DeviceContent = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };

  it("is written to only once the LUN was looked up in Azure again", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      world.disk.content = found;
      world.disk.fileSystemBytes = gibToBytes(5);
      assert.equal(await stageLookedUp(world, ports, 0), "ok");
      assert.equal(world.detail()?.formatted?.uuid, "uuid-1");
    }));

  it("is released unchanged where no controller looks the LUN up", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.content = found;
      world.disk.isBroken = true;
      assert.equal(await stage(world, world.ports()), "StillWaiting");
      assert.deepEqual(
        [world.record()?.writer?.held, world.machine.mounts(), world.detail()?.formatted],
        [false, [], undefined],
      );
    }));

  it("is another volume's where its disk had moved, and stays as it is", () =>
    withNode(
      { writer: granted },
      async (world) => {
        const ports = world.ports();
        const other = {
          ...anotherDisk(),
          content: found,
          fileSystemBytes: gibToBytes(5),
        };
        world.machine.detach(0);
        world.machine.attach({ lun: 0, disk: other });
        world.machine.attach({ lun: 1, disk: world.disk });
        assert.equal(await stageLookedUp(world, ports, 1), "WrongDevice");
        await lookedUp(world, 1);
        assert.equal(await stage(world, ports), "ok");
        assert.deepEqual(
          [other.content, other.fileSystemBytes, world.disk.content.kind],
          [found, gibToBytes(5), "fileSystem"],
        );
        assert.notEqual(world.detail()?.formatted?.uuid, "uuid-1");
      },
      { reusesNumbers: true },
    ));
});

describe("data of others", () => {
  for (const content of [
    { kind: "fileSystem", fsType: "xfs", uuid: "uuid-of-another" },
    { kind: "otherData", detail: "a partition table of type gpt" },
  ] as const)
    it(`is left alone where there is ${content.kind === "otherData" ? content.detail : content.fsType}`, () =>
      withNode({ writer: granted }, async (world) => {
        world.disk.content = content;
        assert.equal(await stage(world, world.ports()), "WrongFileSystem");
        assert.deepEqual(world.disk.content, content);
      }));
});

describe("a copy of another disk", () => {
  const copied: DeviceContent = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-of-the-source" };
  const disk = { sourceUri: otherUri };

  for (const content of [{ kind: "blank" }, rest] as const)
    it(`is never formatted: ${content.kind}, with a mark of its own`, () =>
      withNode(
        { writer: granted },
        async (world) => {
          world.disk.content = content;
          world.disk.formatMark = { diskUri, uuid: "uuid-1" };
          assert.equal(await stage(world, world.ports()), "WrongFileSystem");
          assert.deepEqual(
            [world.disk.content, world.disk.formatMark?.uuid, world.record()?.writer?.held],
            [content, "uuid-1", false],
          );
        },
        { disk },
      ));

  for (const mayGrowMountedExt of [true, false])
    it(`keeps its source's UUID, and fills its larger disk (${mayGrowMountedExt ? "in use" : "before"})`, () =>
      withNode(
        { writer: granted },
        async (world) => {
          world.disk.content = copied;
          world.disk.fileSystemBytes = gibToBytes(5);
          assert.equal(await stageLookedUp(world, world.ports(), 0), "ok");
          assert.deepEqual(
            [world.detail()?.formatted?.uuid, world.disk.fileSystemBytes],
            ["uuid-of-the-source", gibToBytes(10)],
          );
        },
        { mayGrowMountedExt, disk },
      ));

  it("grows in the next call where the plug-in stopped after the mount", () =>
    withNode(
      { writer: granted },
      async (world) => {
        world.disk.content = copied;
        world.disk.fileSystemBytes = gibToBytes(5);
        const ports = world.ports();
        const growFileSystem: typeof ports.host.growFileSystem = async () =>
          fail({ kind: "HostNotReady", detail: "the command was killed" });
        const cut = { ...ports, host: { ...ports.host, growFileSystem } };
        assert.equal(await stageLookedUp(world, cut, 0), "HostNotReady");
        assert.equal(await stage(world, ports), "ok");
        assert.equal(world.disk.fileSystemBytes, gibToBytes(10));
      },
      { disk },
    ));

  it("is staged first where the tools lack a feature of it, not where it has errors", async () => {
    for (const reason of [...lastingReasons, WITH_ERRORS])
      await withNode(
        { writer: granted },
        async (world) => {
          world.disk.content = copied;
          world.machine.failNext("growFileSystem", {
            kind: "GrowsUnmounted",
            devicePath: "/dev/sdc",
            reason,
          });
          const expected = lastingReasons.has(reason) ? "ok" : "GrowsUnmounted";
          assert.equal(await stageLookedUp(world, world.ports(), 0), expected);
        },
        { disk },
      );
  });

  for (const answer of ["GrowsUnmounted", "HostNotReady"] as const)
    it(`is staged still where its growth has to wait for the next mount, not else (${answer})`, () =>
      withNode(
        { writer: granted },
        async (world) => {
          world.disk.content = copied;
          assert.equal(await stageLookedUp(world, world.ports(), 0), "ok");
          const failure =
            answer === "GrowsUnmounted"
              ? { kind: answer, devicePath: "/dev/sdc", reason: WITH_ERRORS }
              : { kind: answer, detail: "the command was killed" };
          world.machine.failNext("growFileSystem", failure);
          const isTolerated = answer === "GrowsUnmounted";
          assert.equal(await stage(world, world.ports()), isTolerated ? "ok" : answer);
        },
        { disk },
      ));

  for (const [overrides, how] of [
    [{ readOnly: true }, "for a single reader"],
    [{ mountFlags: ["noatime,ro"] }, "by a mount option"],
  ] as const)
    it(`is staged, and not grown, where it is read only ${how}`, () =>
      withNode(
        { writer: granted },
        async (world) => {
          world.disk.content = copied;
          world.disk.fileSystemBytes = gibToBytes(5);
          assert.equal(await stageLookedUp(world, world.ports(), 0, overrides), "ok");
          assert.equal(await stage(world, world.ports(), overrides), "ok");
          assert.equal(world.disk.fileSystemBytes, gibToBytes(5));
        },
        { disk },
      ));
});

describe("the file system of a disk that the driver did not create", () => {
  const givenAdopted = async (world: NodeWorld): Promise<void> => {
    await world.setVolume(({ spec, ...volume }) => ({ ...volume, spec: { ...spec, diskUri } }));
    await world.setFormatted({ fsType: "ext4", uuid: "uuid-1" });
    world.disk.content = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };
    world.disk.fileSystemBytes = gibToBytes(5);
  };

  it("grows with each mount to a disk that was enlarged in Azure, as with V1", () =>
    withNode({ writer: granted }, async (world) => {
      await givenAdopted(world);
      assert.equal(await stage(world, world.ports()), "ok");
      assert.equal(world.disk.fileSystemBytes, gibToBytes(10));
    }));

  it("is staged where it does not grow: pods have used it with its size", () =>
    withNode({ writer: granted }, async (world) => {
      await givenAdopted(world);
      world.machine.failNext("growFileSystem", { kind: "HostNotReady", detail: "unsupported feature" });
      assert.equal(await stage(world, world.ports()), "ok");
      assert.equal(world.disk.fileSystemBytes, gibToBytes(5));
    }));
});

describe("a file system on record that other data hides", () => {
  for (const { recorded, answer } of [
    { recorded: "uuid-1", answer: "ok" },
    { recorded: "uuid-2", answer: "WrongFileSystem" },
    { recorded: undefined, answer: "WrongFileSystem" },
  ])
    it(`is mounted only by the UUID on record: ${recorded ?? "none"}`, () =>
      withNode({ writer: granted }, async (world) => {
        await world.setFormatted(recorded === undefined ? undefined : { fsType: "ext4", uuid: recorded });
        const content: DeviceContent = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };
        world.disk.content = content;
        world.disk.takenFor = { kind: "otherData", detail: "raid of type jmicron_raid_member" };
        assert.equal(await stage(world, world.ports()), answer);
        assert.deepEqual([world.disk.content, world.steps.includes("format")], [content, false]);
      }));
});

describe("a file system that the program of the image is too old to check", () => {
  it("is mounted as it is, which the kernel decides, and not grown before", () =>
    withNode({ writer: granted }, async (world) => {
      await world.setFormatted({ fsType: "ext4", uuid: "uuid-1" });
      world.disk.content = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };
      const ports = world.ports();
      const reason = "unsupported feature(s): FEATURE_C15";
      const host: NodePorts["host"] = {
        ...ports.host,
        checkFileSystem: async () => ok({ kind: "unchecked", detail: reason }),
        growBeforeMount: async () => fail({ kind: "HostNotReady", detail: "dumpe2fs knows it no more" }),
      };
      const warnings: unknown[] = [];
      const logger = { ...ports.logger, warn: (...line: readonly unknown[]) => warnings.push(line) };
      assert.equal(await stage(world, { ...ports, host, logger }), "ok");
      const fields = { volumeName: "pvc-1", devicePath: "/dev/sdc", reason };
      assert.deepEqual(warnings, [["file system mounted unchecked", fields]]);
      assert.equal(world.machine.mounts().length, 1);
    }));
});

describe("a file system that the check has repaired", () => {
  const detail = "/dev/sdc: Inode 12 ref count is 5, should be 1.  FIXED.";
  const stageRepaired = async (
    world: NodeWorld,
    method: "checkFileSystem" | "growBeforeMount" = "checkFileSystem",
  ): Promise<void> => {
    const ports = world.ports();
    const host: NodePorts["host"] = {
      ...ports.host,
      [method]: async () => ok({ kind: "repaired", detail }),
    };
    assert.equal(await stage(world, { ...ports, host }), "ok");
  };

  for (const method of ["checkFileSystem", "growBeforeMount"] as const)
    it(`is mounted, and its pods get an event: their files may lack data (${method})`, () =>
      withNode({ writer: granted }, async (world) => {
        await world.setFormatted({ fsType: "ext4", uuid: "uuid-1" });
        world.disk.content = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };
        await stageRepaired(world, method);
        const message = `node-a has repaired the file system before its mount: ${detail}`;
        const about = { kind: "AzVolume", name: "pvc-1" } as const;
        assert.deepEqual(world.emitted, [
          { about, nodeName: "node-a", reason: "FileSystemRepaired", message },
        ]);
      }));

  it("gets no event where no pod has written to it: its format was interrupted", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.content = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };
      world.disk.formatMark = { diskUri, uuid: "uuid-1" };
      await stageRepaired(world);
      assert.deepEqual(world.emitted, []);
    }));
});
