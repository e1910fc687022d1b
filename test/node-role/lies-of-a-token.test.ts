import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { type Lab, type LabNode, startLab } from "../../demo/lab/lab.ts";
import { attachedNodes, readRecord } from "../../demo/observe.ts";
import { createVolume, type DemoVolume, stage, stagingPath, targetPath } from "../../demo/volume-moves.ts";
import { startWriter, type Writer } from "../../demo/workload.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import { COUNTER_MAX } from "../../src/core/api/epoch.ts";
import { CONTROLLER_LEASE, storeIncarnationOf } from "../../src/core/api/lease.ts";
import { toTimestamp } from "../../src/core/primitives/timestamp.ts";
import { STORE_ROLLED_BACK, rolledBackReason } from "../../src/core/rollback/rollback-reports.ts";
import { listIn, changedRecord } from "../../src/core/testing/record-lists.ts";
import { isNamed } from "../../src/core/writer/record/record-nodes.ts";
import { reclaim, proveClean, acquire } from "../../src/core/writer/record/writer-steps.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { newAttachment } from "../../src/objects/new-attachment.ts";
import { changeSpec, changeStatus } from "../../src/objects/update-object.ts";
import { freezeProcess } from "../../testbed/lab/units/freeze-process.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { FIRST_START_TIMEOUT_MS, whyNoApiServer } from "../kubernetes-store/api-server.ts";
import { azureOf } from "../workflows/controller-here.ts";
import { comesToFailWith } from "../workflows/csi-failure.ts";
import { bringUpByNode, untilServed } from "../workflows/volume-use.ts";
import { type ChartCluster, startChartCluster } from "./chart-cluster.ts";
import { type LyingNode, startLyingNode } from "./lying-node.ts";

const [HONEST, LYING] = ["node-a", "node-b"] as const;
const TIME_SCALE = 0.02;
const SOON = { timeoutMs: 120_000 };
const STOP_GRACE_MS = 60_000;
const RECORDS = 10;
/** There are far fewer grants in this test. */
const EPOCHS_MAX = 1_000;
const BACKUP = "backup";
const SINCE = "2026-01-01T00:00:00Z";

const devices = dataPlaneAvailable();
const missing = (await whyNoApiServer()) ?? (devices.available ? undefined : devices.reason);

/** A volume that a pod on the honest node writes, and the state that must not change. */
interface Kept {
  readonly volume: DemoVolume;
  readonly writer: Writer;
  readonly mounts: readonly string[];
}

describe(
  "what a node's token may write, and its effect on other nodes' volumes",
  { skip: missing ?? false, timeout: FIRST_START_TIMEOUT_MS },
  () => {
    const ending = new AbortController();
    const { signal } = ending;
    let cluster: ChartCluster | undefined;
    let lab: Lab | undefined;
    let liar: LyingNode | undefined;
    /** One unrelated to the lying node, and one of which it has a replica. */
    let apart: Kept;
    let shared: Kept;
    /** One that a pod on the lying node used. */
    let held: DemoVolume;

    before(async () => {
      cluster = await startChartCluster([HONEST, LYING]);
      const vms = [HONEST, LYING].map((name) => ({ name, zone: "1" }));
      const flags = {
        controllerFlags: ["--attach=driver", "--recall-answer-ms=500"],
        nodeFlags: ["--attach=driver", "--heartbeat-ms=300", "--stage-wait-ms=1500"],
      };
      lab = await startLab({
        timeScale: TIME_SCALE,
        hasDevices: true,
        vms,
        signal,
        store: cluster.other,
        ...flags,
      });
      const store = cluster.storeAs(LYING);
      await waitUntil("both nodes to be registered", SOON, async () =>
        (await ready(HONEST)) && (await ready(LYING)) ? true : undefined,
      );
      await theLab().processes.get(LYING)?.child.stop(STOP_GRACE_MS);
      liar = await startLyingNode(store, LYING, signal);
      apart = await keep("apart", "1");
      shared = await keep("shared", "2");
      await waitUntil("the lying node to have its replica", SOON, async () =>
        (await attachedNodes(theLab(), shared.volume, signal)).has(LYING) ? true : undefined,
      );
    });
    after(async () => {
      await liar?.stop();
      ending.abort();
      await lab?.close();
      await cluster?.close();
    });

    const theLab = (): Lab => lab ?? assert.fail("there is no lab");
    const theLiar = (): LyingNode => liar ?? assert.fail("nothing lies");
    const nodeOf = (name: string): LabNode => theLab().nodes.get(name) ?? assert.fail(`no ${name}`);

    async function ready(nodeName: string): Promise<boolean> {
      const found = await theLab().store.get("AzDriverNode", nodeName, signal);
      return found.ok && found.value.status?.readyForVolumeAllocation === true;
    }

    async function newVolume(name: string, maxShares = "1"): Promise<DemoVolume> {
      return createVolume(theLab(), {
        name,
        sizeGiB: 1n,
        parameters: { skuName: "Premium_LRS", maxShares },
        zones: ["eastus-1"],
      });
    }

    async function keep(name: string, maxShares: string): Promise<Kept> {
      const volume = await newVolume(name, maxShares);
      await bringUpByNode(theLab(), volume, nodeOf(HONEST));
      const writer = await startWriter(theLab(), nodeOf(HONEST), volume, 1);
      const mounts = await mountsOf(volume);
      assert.equal(mounts.length, 2);
      return { volume, writer, mounts };
    }

    /** Ids and paths: a new mount has another id. */
    async function mountsOf(volume: DemoVolume): Promise<readonly string[]> {
      const paths = [stagingPath(nodeOf(HONEST), volume), targetPath(nodeOf(HONEST), volume)];
      const lines = (await readFile(`/proc/${nodeOf(HONEST).mountsPid}/mountinfo`, "utf8"))
        .split("\n")
        .map((line) => line.split(" "));
      return lines
        .flatMap(([id = "", , , , path = ""]) => (paths.includes(path) ? [`${id} ${path}`] : []))
        .toSorted();
    }

    /** Both pods of the honest node write on, through their original mounts. */
    async function writesOn(): Promise<void> {
      for (const { volume, writer, mounts } of [apart, shared]) {
        await writer.untilSynced(writer.lastSynced() + RECORDS);
        assert.deepEqual(await mountsOf(volume), mounts, `the mounts of ${volume.name}`);
      }
    }

    /** And by their original grants. */
    async function keepsGrants(act: () => Promise<void>): Promise<void> {
      const grants = async (): Promise<unknown> =>
        Promise.all([apart, shared].map(async ({ volume }) => (await recordOf(volume)).writer));
      const granted = await grants();
      await act();
      assert.deepEqual(await grants(), granted);
      await writesOn();
    }

    async function recordOf(volume: DemoVolume): Promise<WriterRecord> {
      return (await readRecord(theLab(), volume, signal)) ?? assert.fail(`${volume.name} has no record`);
    }

    async function untilRecord(
      what: string,
      volume: DemoVolume,
      fits: (record: WriterRecord) => boolean,
    ): Promise<WriterRecord> {
      let last: WriterRecord | undefined;
      try {
        return await waitUntil(what, SOON, async () => {
          const found = await theLab().store.get("AzVolume", volume.name, signal);
          last = found.ok ? found.value.status?.record : undefined;
          return last !== undefined && fits(last) ? last : undefined;
        });
      } catch (error) {
        throw new Error(`the record of ${volume.name} is ${JSON.stringify(last)}`, { cause: error });
      }
    }

    async function untilEvent(name: string, reason: string): Promise<void> {
      await waitUntil(`event ${reason} about ${name}`, SOON, async () =>
        (await cluster?.eventsAbout(name, reason))?.length === 0 ? undefined : true,
      );
    }

    function wantFor({ name, volumeId }: DemoVolume): ReturnType<typeof newAttachment> {
      const writerRequest = { since: SINCE };
      return newAttachment({
        volumeName: name,
        volumeId,
        nodeName: LYING,
        role: "Primary",
        writerRequest,
        readOnly: false,
        volumeContext: {},
      });
    }

    /** A disk in Azure that is not the driver's; returns its resource id. */
    async function createBackup(): Promise<string> {
      const azure = await azureOf(theLab());
      const place = { resourceGroup: undefined, location: undefined, zone: "1" };
      const size = { skuName: "Premium_LRS", sizeGiB: 1, maxShares: 1 } as const;
      const made = await azure.createDisk(
        { diskName: BACKUP, ...place, ...size, tags: {}, precondition: async () => true },
        signal,
      );
      await azure.close();
      assert.ok(made.ok, JSON.stringify(made));
      return made.value.diskUri;
    }

    /** The plug-in of the honest node is frozen, so that the liar is always first; its pods write on. */
    async function whileHonestStandsStill(act: () => Promise<void>): Promise<void> {
      await freezeProcess(nodeOf(HONEST).process.pid);
      try {
        await act();
      } finally {
        nodeOf(HONEST).process.kill("SIGCONT");
      }
    }

    it("does not grant a request without a pod, and deletes its volume", () =>
      keepsGrants(async () => {
        const { store } = theLiar();
        const replica = await attachedNodes(theLab(), shared.volume, signal);
        const name = replica.get(LYING)?.metadata.name ?? "";
        const asPrimary = (present: AzVolumeAttachment): AzVolumeAttachment => ({
          ...present,
          spec: { ...present.spec, role: "Primary", writerRequest: { since: SINCE } },
        });
        assert.ok(
          (await changeSpec(store, { kind: "AzVolumeAttachment", name }, asPrimary, signal)).ok,
          "the policies allow it",
        );
        const idle = await newVolume("idle");
        assert.ok(
          (await store.create("AzVolumeAttachment", wantFor(idle), signal)).ok,
          "the policies allow it",
        );
        // A request with a pod is granted, which shows that the controller has seen the earlier ones.
        held = await newVolume("held");
        await theLab().orchestrator.addUser(LYING, held.volumeId, "pod/held");
        assert.ok((await store.create("AzVolumeAttachment", wantFor(held), signal)).ok);
        await untilRecord("the grant of the pod's volume", held, ({ writer }) => writer?.nodeName === LYING);
        assert.equal((await recordOf(idle)).writer, undefined);
        assert.deepEqual(
          (await theLab().emulator.disks()).find((disk) => disk.name === idle.name)?.attachedTo,
          [],
        );
        await untilServed(() => theLab().controller.deleteVolume({ volumeId: idle.volumeId, secrets: {} }));
      }));

    it("deletes attachments that no rule can check, and does not act on them", () =>
      keepsGrants(async () => {
        const { store } = theLiar();
        const misnamed = wantFor(apart.volume);
        const name = misnamed.metadata.name.replace(/[0-9a-f]{24}$/u, "0".repeat(24));
        assert.notEqual(name, misnamed.metadata.name);
        const ofBackup = wantFor({ ...apart.volume, volumeId: await createBackup() });
        for (const made of [{ ...misnamed, metadata: { ...misnamed.metadata, name } }, ofBackup]) {
          const { name: created } = made.metadata;
          assert.ok((await store.create("AzVolumeAttachment", made, signal)).ok, "the policies allow it");
          await waitUntil(`${created} to be deleted`, SOON, async () =>
            (await store.get("AzVolumeAttachment", created, signal)).ok ? undefined : true,
          );
          await waitUntil(`the event about ${created}`, SOON, async () => {
            const told = (await cluster?.eventsAbout(LYING, "AttachmentIgnored")) ?? [];
            return told.some((message) => message.includes(created)) ? true : undefined;
          });
        }
        assert.deepEqual([...(await attachedNodes(theLab(), apart.volume, signal)).keys()], [HONEST]);
        assert.deepEqual(
          (await theLab().emulator.disks()).find((disk) => disk.name === BACKUP)?.attachedTo,
          [],
        );
      }));

    it("waits for a node that releases nothing, and says so", () =>
      keepsGrants(async () => {
        const { orchestrator } = theLab();
        const { storeIncarnation } = await recordOf(held);
        await theLiar().untilMoved("it to be held", held.name, (record) =>
          acquire(record, theLiar().identity, { isClean: true, storeIncarnation }),
        );
        await orchestrator.removeUser(LYING, held.volumeId);
        await orchestrator.addUser(HONEST, held.volumeId, "pod/held");
        await comesToFailWith(() => stage(held, nodeOf(HONEST), {}), "UNAVAILABLE", LYING);
        await untilEvent(held.name, "WaitingForUnmount");
        const { writer, fencing } = await recordOf(held);
        assert.deepEqual([writer?.nodeName, writer?.held, fencing], [LYING, true, undefined]);
      }));

    it("shows what a node states of its mount, and decides nothing by it", () =>
      keepsGrants(async () => {
        const before = await recordOf(held);
        for (const volume of [shared.volume, held]) {
          const { epoch } = await recordOf(volume);
          const stated = { epoch, since: "long ago", detail: "gone\n".repeat(100) };
          const mountProblems = (
            ["MountDead", "FileSystemErrors", "FileSystemRepaired", "WritesLost"] as const
          ).map((reason) => ({ ...stated, reason }));
          const own = (await attachedNodes(theLab(), volume, signal)).get(LYING) ?? assert.fail(volume.name);
          const { name } = own.metadata;
          const written = await changeStatus(
            theLiar().store,
            { kind: "AzVolumeAttachment", name },
            ({ status: present, ...attachment }) =>
              present === undefined ? undefined : { ...attachment, status: { ...present, mountProblems } },
            signal,
          );
          assert.ok(written.ok, "the policies allow it");
        }
        await waitUntil("the leader to have shown it", SOON, async () => {
          const own = (await attachedNodes(theLab(), held, signal)).get(LYING);
          const isShown = own?.status?.mountProblemsShown?.length === 4;
          return isShown && (await conditionsOf(held)).includes("MountUnhealthy MountDead")
            ? true
            : undefined;
        });
        // That of its replica was stated first: node-a holds the volume.
        const replica = (await attachedNodes(theLab(), shared.volume, signal)).get(LYING);
        assert.equal(replica?.status?.mountProblems?.length, 4);
        assert.equal(replica.status.mountProblemsShown, undefined);
        assert.deepEqual(
          (await conditionsOf(shared.volume)).filter((condition) => condition.startsWith("Mount")),
          [],
        );
        assert.deepEqual(await recordOf(held), before);
      }));

    it("lets the writer reclaim a lost record after another node reported clean", async () => {
      const { volume } = shared;
      await whileHonestStandsStill(async () => {
        const lost = await theLab().store.get("AzVolume", volume.name, signal);
        assert.ok(lost.ok);
        assert.ok((await theLab().store.delete("AzVolume", volume.name, {}, signal)).ok);
        await untilRecord(
          "a record of both nodes",
          volume,
          (record) => listIn(record, "unverified").length === 2,
        );
        await theLiar().untilMoved("the lying node to be clean", volume.name, (record) =>
          proveClean(record, theLiar().identity, "unverified"),
        );
        const told = await recordOf(volume);
        assert.deepEqual(
          [told.writer, listIn(told, "unverified").map(({ nodeName }) => nodeName)],
          [undefined, [HONEST]],
        );
      });
      await untilRecord(
        "the writer's reclaim",
        volume,
        (record) => record.writer?.nodeName === HONEST && listIn(record, "unverified").length === 0,
      );
      await writesOn();
    });

    it("keeps pods writing when a node falsely reports a rollback, volumes and reclaims", async () => {
      const before = await recordOf(apart.volume);
      await whileHonestStandsStill(async () => {
        const lease = await theLab().store.get("Lease", CONTROLLER_LEASE, signal);
        assert.ok(lease.ok);
        const reason = rolledBackReason(storeIncarnationOf(lease.value));
        const volumes = await Promise.all(
          [apart, shared].map(async ({ volume: { name } }) => {
            const found = await theLab().store.get("AzVolume", name, signal);
            assert.ok(found.ok);
            return { volumeName: name, uid: found.value.metadata.uid, epoch: COUNTER_MAX };
          }),
        );
        const report = {
          type: STORE_ROLLED_BACK,
          status: "True",
          reason,
          message: "a lie",
          lastTransitionTime: toTimestamp(Date.now()),
        } as const;
        await theLiar().says({ volumes, conditions: [report] });
        await untilRecord(
          "the rebuild",
          apart.volume,
          ({ storeIncarnation, writer }) =>
            storeIncarnation > before.storeIncarnation && writer === undefined,
        );
        await waitUntil("a reclaim of what it does not have to be refused", SOON, async () => {
          const blind = await theLiar().moves(apart.volume.name, reclaimBlindly);
          assert.equal(blind.ok, false);
          // The controller may have been faster than this write.
          return JSON.stringify(blind).includes("denied request") ? true : undefined;
        });
        await theLiar().untilMoved(
          "the lying node to have reclaimed what it has a replica of",
          shared.volume.name,
          (record) => reclaim(record, theLiar().identity, 0),
        );
      });
      await untilEvent(shared.volume.name, "ReclaimDisputed");
      const claimed = await untilRecord(
        "the writer's reclaim",
        apart.volume,
        ({ writer }) => writer?.nodeName === HONEST,
      );
      assert.ok(claimed.epoch < EPOCHS_MAX, `epoch ${claimed.epoch}`);
      await untilRecord(
        "the lying node to be fenced",
        apart.volume,
        (record) => listIn(record, "unverified").length === 0,
      );
      const disputed = await recordOf(shared.volume);
      assert.deepEqual(
        [disputed.writer?.nodeName, listIn(disputed, "unverified").map(({ nodeName }) => nodeName)],
        [LYING, [HONEST]],
      );
      assert.ok(disputed.epoch < EPOCHS_MAX, `epoch ${disputed.epoch}`);
      await writesOn();
    });

    it("fences an out-of-service node off what it reclaimed and held", async () => {
      await theLiar().untilMoved("it to have reclaimed what it held", held.name, (record) =>
        reclaim(record, theLiar().identity, 0),
      );
      await theLab().orchestrator.setOutOfService(LYING, true);
      await untilServed(() => stage(held, nodeOf(HONEST), {}), [status.FAILED_PRECONDITION]);
      const { writer } = await untilRecord(
        "the writer's reclaim",
        shared.volume,
        (record) => record.writer?.nodeName === HONEST && record.writer.held,
      );
      assert.equal(writer?.requested, true);
      await writesOn();
    });

    /** Each as its type and reason. */
    async function conditionsOf({ name }: DemoVolume): Promise<readonly string[]> {
      const found = await theLab().store.get("AzVolume", name, signal);
      assert.ok(found.ok);
      return (found.value.status?.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`);
    }

    /** Independent of the record. */
    function reclaimBlindly(record: WriterRecord): ReturnType<typeof reclaim> {
      const { identity } = theLiar();
      assert.equal(
        isNamed(record, identity, "unconfirmed") ||
          listIn(record, "unverified").every(({ nodeName }) => nodeName !== LYING),
        true,
        "Azure lists no disk there",
      );
      const epoch = record.epoch + 1;
      const unverified = listIn(record, "unverified").filter(({ nodeName }) => nodeName !== LYING);
      return {
        ok: true,
        value: changedRecord(record, {
          unverified,
          epoch,
          writer: { ...identity, epoch, held: true, requested: true },
        }),
      };
    }
  },
);
