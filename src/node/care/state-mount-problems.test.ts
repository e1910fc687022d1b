import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MountProblem } from "../../core/api/az-volume-attachment.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import { lookAtMount } from "../look-at-mount.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf } from "../own-state.ts";
import { stageVolume } from "../stage/stage-volume.ts";
import { unstageVolume } from "../stage/unstage-volume.ts";
import { aStageRequest, type NodeWorld, stagingPath, withNode } from "../testing/a-node.ts";
import { mountProblemsReconciler } from "./state-mount-problems.ts";

const never = new AbortController().signal;
const LUN = 0;
const MINUTE_MS = 60_000;
const granted = { writer: aWriter("node-a", { held: false }) };

/** Passes until there is no news; what the last one asks to be run again after, in milliseconds. */
async function pass(world: NodeWorld, ports: NodePorts = world.ports()): Promise<number | undefined> {
  let hasNews = false;
  ports.looks.onNews(() => (hasNews = true));
  const done = await world.answerOf(mountProblemsReconciler(ports).reconcile("pvc-1", never));
  assert.ok(done.ok, JSON.stringify(done));
  return hasNews ? pass(world, ports) : done.value.requeueAfterMs;
}

async function staged(world: NodeWorld): Promise<void> {
  const done = await world.stage();
  assert.ok(done.ok, "not staged");
}

/** As the kubelet asks. */
async function asks(
  world: NodeWorld,
  ports: NodePorts = world.ports(),
  path: string = stagingPath,
): Promise<boolean> {
  const checkpoint = checkpointOf(ports, "pvc-1");
  const mount = { volumeId: diskUri, path, checkpoint };
  return (await world.answerOf(lookAtMount(ports, mount, never))).ok;
}

function statedBy(world: NodeWorld): readonly Omit<MountProblem, "since">[] | undefined {
  return world.attachment()?.status?.mountProblems?.map(({ since: _, ...problem }) => problem);
}

function withHost(ports: NodePorts, host: Partial<HostProvisioner>): NodePorts {
  return { ...ports, host: { ...ports.host, ...host } };
}

/** A host on which what raw block shows at that path is no longer the volume's device. */
function withDead(ports: NodePorts, path: string): NodePorts {
  return withHost(ports, {
    deviceSize: async (of, signal) =>
      of === path
        ? fail({ kind: "WrongDevice", devicePath: path, problem: "its device is gone" })
        : ports.host.deviceSize(of, signal),
  });
}

const raw = { accessType: "block" } as const;
const rawPath = (pod: string): string =>
  `/var/lib/kubelet/plugins/kubernetes.io/csi/volumeDevices/publish/pvc-1/${pod}`;

/** Hands the volume out to pods, raw. */
async function publishRaw(world: NodeWorld, ...pods: readonly string[]): Promise<void> {
  for (const pod of pods) {
    assert.ok((await world.publish({ ...raw, targetPath: rawPath(pod) })).ok, "not published");
  }
}

async function unpublishRaw(world: NodeWorld, pod: string): Promise<void> {
  assert.ok((await world.unpublish({ targetPath: rawPath(pod) })).ok, "not unpublished");
}

const gone = (epoch: number) => ({
  reason: "MountDead" as const,
  epoch,
  detail: `the file system on /dev/sdc can't be used: the mount at ${stagingPath} is dead`,
});

describe("mountProblemsReconciler of a node", () => {
  it("states nothing, and writes nothing, of mounts that are well", () =>
    withNode(granted, async (world) => {
      await staged(world);
      const before = world.attachment()?.metadata.resourceVersion;
      assert.ok(await asks(world));
      assert.equal(await pass(world), MINUTE_MS);
      assert.equal(world.attachment()?.metadata.resourceVersion, before);
    }));

  it("states once what a call has found, and that the mount is gone", () =>
    withNode(granted, async (world) => {
      await staged(world);
      world.machine.detach(LUN);
      assert.equal(await asks(world), false);
      await pass(world);
      const [first] = statedBy(world) ?? [];
      assert.deepEqual([first?.reason, first?.epoch], ["MountDead", 1]);
      const stated = world.attachment()?.metadata.resourceVersion;
      assert.equal(await asks(world), false);
      await pass(world);
      assert.equal(world.attachment()?.metadata.resourceVersion, stated, "no news, no write");
      assert.ok((await world.unstage()).ok);
      await pass(world);
      // What the dead mount has lost stays, for the leader to show it.
      assert.deepEqual(
        statedBy(world)?.map(({ reason }) => reason),
        ["WritesLost"],
      );
    }));

  it("looks itself at a mount that no call has looked at for 150 s, and at no other", () =>
    withNode(granted, async (world) => {
      await staged(world);
      let looks = 0;
      const ports = withHost(world.ports(), {
        fileSystemStats: (path, signal) => {
          looks += 1;
          return world.ports().host.fileSystemStats(path, signal);
        },
      });
      const after = async (ms: number): Promise<number> => {
        await world.clock.advance(ms);
        await pass(world, ports);
        return looks;
      };
      assert.equal(await after(0), 0, "its age counts from now on");
      assert.equal(await after(149_999), 0);
      assert.equal(await after(1), 1);
      assert.equal(await after(100_000), 1);
      assert.ok(await asks(world));
      assert.equal(await after(149_999), 1, "since the kubelet's");
      world.machine.detach(LUN);
      assert.equal(await after(1), 2);
      assert.deepEqual(
        statedBy(world)?.map(({ reason }) => reason),
        ["MountDead"],
      );
      assert.deepEqual(
        world.emitted.map(({ reason, about }) => [reason, about.kind]),
        [["MountDead", "AzVolume"]],
        "and shows it on the volume",
      );
    }));

  it("looks at no mount whose request an unstage has withdrawn", () =>
    withNode(granted, async (world) => {
      await staged(world);
      await pass(world);
      await world.clock.advance(150_000);
      world.machine.detach(LUN);
      const withdrawn = world.attachment() ?? assert.fail("no attachment");
      await world.setAttachment(({ spec: { writerRequest: _, ...spec }, ...attachment }) => ({
        ...attachment,
        spec,
      }));
      await pass(world);
      assert.deepEqual(statedBy(world) ?? [], []);
      await world.setAttachment((attachment) => ({ ...attachment, spec: withdrawn.spec }));
      await pass(world);
      assert.equal(statedBy(world)?.length, 1);
    }));

  it("looks at a raw block volume where a pod has it", () =>
    withNode(granted, async (world) => {
      assert.ok((await world.stage(raw)).ok);
      world.machine.detach(LUN);
      const passAfter150s = async (): Promise<void> => {
        await pass(world);
        await world.clock.advance(150_000);
        await pass(world);
      };
      await passAfter150s();
      assert.equal(statedBy(world), undefined);
      world.machine.attach({ lun: LUN, disk: world.disk });
      await publishRaw(world, "1");
      world.machine.detach(LUN);
      await passAfter150s();
      assert.deepEqual(
        statedBy(world)?.map(({ reason }) => reason),
        ["MountDead"],
      );
    }));

  it("states once what is wrong at one of two paths, whichever is asked about", () =>
    withNode(granted, async (world) => {
      await publishRaw(world, "old", "new");
      const ports = withDead(world.ports(), rawPath("old"));
      const versions = new Set<string | undefined>();
      for (let round = 0; round < 5; round += 1)
        for (const pod of ["old", "new"]) {
          await asks(world, ports, rawPath(pod));
          await pass(world, ports);
          versions.add(world.attachment()?.metadata.resourceVersion);
        }
      assert.deepEqual(
        statedBy(world)?.map(({ reason }) => reason),
        ["MountDead"],
      );
      assert.equal(versions.size, 1);
      await unpublishRaw(world, "old");
      await pass(world, ports);
      assert.deepEqual(statedBy(world), [], "that of a path is over once it is unpublished");
    }));

  it("looks at each target of a raw volume", () =>
    withNode(granted, async (world) => {
      await publishRaw(world, "1", "2");
      const ports = withDead(world.ports(), rawPath("2"));
      await pass(world, ports);
      await world.clock.advance(100_000);
      await asks(world, ports, rawPath("1"));
      await world.clock.advance(50_000);
      await pass(world, ports);
      assert.deepEqual(
        statedBy(world)?.map(({ reason }) => reason),
        ["MountDead"],
      );
    }));

  it("counts no look that shows nothing", () =>
    withNode(granted, async (world) => {
      await staged(world);
      await pass(world);
      await world.clock.advance(100_000);
      const covered = withHost(world.ports(), {
        fileSystemStats: async (path) => fail({ kind: "PathNotMounted", path }),
      });
      assert.equal(await asks(world, covered), false);
      world.machine.detach(LUN);
      await world.clock.advance(50_000);
      await pass(world);
      assert.equal(statedBy(world)?.length, 1);
    }));

  it("states of the next mount of a shared volume what was found there, and since when", () =>
    withNode({}, async (world) => {
      await world.setVolume(({ spec, ...volume }) => ({
        ...volume,
        spec: { ...spec, capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
      }));
      await publishRaw(world, "1");
      await asks(world, withDead(world.ports(), rawPath("1")), rawPath("1"));
      await pass(world);
      const since = (): readonly string[] =>
        (world.attachment()?.status?.mountProblems ?? []).map((problem) => problem.since);
      const [first] = since();
      assert.ok(first !== undefined);
      const remounted = async (before: string, after: string): Promise<void> => {
        await world.clock.advance(1_000);
        await unpublishRaw(world, before);
        assert.ok((await world.unstage(raw)).ok);
        const isRequested = { role: "Primary", writerRequest: { since: "" } } as const;
        await world.setAttachment(({ spec, ...attachment }) => ({
          ...attachment,
          spec: { ...spec, ...isRequested },
        }));
        await publishRaw(world, after);
      };
      await remounted("1", "2");
      await asks(world, withDead(world.ports(), rawPath("2")), rawPath("2"));
      await pass(world);
      const [second] = since();
      assert.ok(second !== undefined && second > first, `${second} is that of the first`);
      const keys = world.emitted.map(({ localKey }) => localKey);
      assert.deepEqual([keys.length, new Set(keys).size], [2, 2], "another event on the volume");
      await remounted("2", "3");
      await pass(world);
      assert.deepEqual(since(), [], "nothing was found of this one");
    }));

  it("states nothing that a look has found of a mount that has ended by then", () =>
    withNode(granted, async (world) => {
      await staged(world);
      const late = withHost(world.ports(), {
        fileSystemStats: async () => {
          const request = aStageRequest();
          assert.ok((await unstageVolume(world.ports(), request, never)).ok, "not unstaged");
          await world.grantAgain();
          assert.ok((await stageVolume(world.ports(), request, never)).ok, "not staged again");
          return fail({ kind: "FileSystemBroken", devicePath: "/dev/sdc", detail: "the mount is dead" });
        },
      });
      assert.equal(await asks(world, late), false);
      await pass(world);
      assert.deepEqual(statedBy(world) ?? [], []);
    }));

  it("keeps what it has stated where a look shows nothing", () =>
    withNode(granted, async (world) => {
      await staged(world);
      world.machine.detach(LUN);
      await asks(world);
      await pass(world);
      const stated = statedBy(world);
      assert.equal(stated?.length, 1);
      const busy = withHost(world.ports(), {
        fileSystemStats: async () => fail({ kind: "HostNotReady", detail: "no answer" }),
      });
      assert.equal(await asks(world, busy), false);
      await pass(world, busy);
      assert.deepEqual(statedBy(world), stated);
    }));

  it("takes back what a look no longer shows, also of an earlier plug-in", () =>
    withNode(granted, async (world) => {
      await staged(world);
      const damaged = withHost(world.ports(), {
        fileSystemStats: async (path, signal) => {
          const stats = await world.ports().host.fileSystemStats(path, signal);
          return stats.ok ? ok({ ...stats.value, errorsFound: 2 }) : stats;
        },
      });
      await asks(world, damaged);
      await pass(world);
      const errors = { reason: "FileSystemErrors", epoch: 1, detail: "2 since its last check" } as const;
      assert.deepEqual(statedBy(world), [errors]);
      world.restartPlugin();
      await pass(world);
      assert.deepEqual(statedBy(world), [errors], "not before it has looked");
      await asks(world);
      await pass(world);
      assert.deepEqual(statedBy(world), []);
    }));

  it("states a repair for as long as the mount lasts, across a restart", () =>
    withNode(granted, async (world) => {
      const repairs = withHost(world.ports(), {
        checkFileSystem: async () => ok({ kind: "repaired", detail: "Inode 12 was zapped" }),
      });
      await staged(world);
      assert.ok((await world.unstage()).ok);
      await world.grantAgain();
      assert.ok((await world.stage({}, repairs)).ok);
      await pass(world);
      const repaired = { reason: "FileSystemRepaired", epoch: 2, detail: "Inode 12 was zapped" } as const;
      assert.deepEqual(statedBy(world), [repaired]);
      world.restartPlugin();
      await asks(world);
      await pass(world);
      assert.deepEqual(statedBy(world), [repaired]);
      assert.ok((await world.unstage()).ok);
      await world.grantAgain();
      await staged(world);
      await pass(world);
      assert.deepEqual(statedBy(world), []);
    }));

  it("is repeated where the store refuses, and ignores a lost attachment", () =>
    withNode(granted, async (world) => {
      await staged(world);
      world.machine.detach(LUN);
      await asks(world);
      const ports = world.ports();
      const failure = { kind: "StoreUnavailable", detail: "no answer" } as const;
      const store = { ...ports.store, updateStatus: async () => fail(failure) };
      assert.deepEqual(
        await world.answerOf(mountProblemsReconciler({ ...ports, store }).reconcile("pvc-1", never)),
        fail(failure),
      );
      const missing = {
        ...ports.store,
        get: async () =>
          fail({ kind: "ObjectNotFound", objectKind: "AzVolumeAttachment", name: "pvc-1" } as const),
      };
      assert.equal(await pass(world, { ...ports, store: missing }), MINUTE_MS);
      await pass(world);
      assert.deepEqual(
        statedBy(world)?.map(({ reason }) => reason),
        ["MountDead"],
      );
    }));

  it("writes once a minute where an earlier definition drops the field", () =>
    withNode(granted, async (world) => {
      await staged(world);
      world.machine.detach(LUN);
      await asks(world);
      const ports = world.ports();
      let writes = 0;
      const store: NodePorts["store"] = {
        ...ports.store,
        updateStatus: (kind, object, signal) => {
          writes += 1;
          return ports.store.get(kind, object.metadata.name, signal);
        },
      };
      for (const _pass of [1, 2]) assert.equal(await pass(world, { ...ports, store }), MINUTE_MS);
      assert.deepEqual([writes, statedBy(world)], [2, undefined]);
    }));

  it("is woken by what a look finds or finds no more, and by nothing else", () =>
    withNode(granted, async (world) => {
      await staged(world);
      const ports = world.ports();
      let news = 0;
      ports.looks.onNews(() => (news += 1));
      await asks(world);
      assert.equal(news, 0);
      const checkpoint = checkpointOf(ports, "pvc-1") ?? assert.fail("no checkpoint");
      ports.looks.looked(checkpoint, stagingPath, [gone(1)], 0);
      assert.equal(news, 1);
      await asks(world);
      assert.equal(news, 2);
      await asks(world);
      assert.equal(news, 2);
      ports.looks.repaired("pvc-1", "Inode 12 was zapped", 0);
      assert.equal(news, 3);
    }));
});
