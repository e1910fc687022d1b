import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { assertSoundOnDisk } from "./assert/sound-disk.ts";
import { assertHandedOver, firstHeldMs, recordsDuring } from "./assert/watch-writer.ts";
import { driverLab } from "./driver-lab.ts";
import { attachesUnderKilledLeader } from "./faults/attach-under-killed-leader.ts";
import { movesWhileApiServerRestarts, writesOnWithoutItsObject } from "./faults/disturb-api.ts";
import { drainReplica, untilFailoverReady, withReplica } from "./faults/drain-replica.ts";
import { withHeldUnmount } from "./faults/held-unmount.ts";
import { movesOffNodeWithoutPower, VICTIM } from "./faults/lose-node.ts";
import { movesWithItsRecords } from "./faults/move-writer.ts";
import { writesOnWhilePlugInEnds } from "./faults/replace-plug-in.ts";
import { keepControllersOff, untilControllersReady } from "./leading-controller.ts";
import { untilReplicasOld } from "./old-replicas.ts";
import { takeWayIn, volumeAttachments, wayInNow } from "./way-in.ts";
import {
  assertNeverFailed,
  assertRecordsKept,
  recordWriter,
  toldBy,
  untilSignalled,
  writerPod,
} from "./workload/record-writer.ts";
import { attachmentsOf, type Workloads, withWorkloads } from "./workload/workloads.ts";

/**
 * The disks are attached to the pod's next node in advance: only the driver prevents a second writer there.
 */
const CLASS = "managed-csi-premium-replicas";
/** The attach controller checks all running pods every three minutes, and a changed pod at once. */
const ATTACH_CONTROLLER_LOOKS_MAX_MS = 270_000;
const SETTLED_MAX_MS = 240_000;
const BEFORE = "node-a";
const AFTER = "node-b";
const TWO_SHARES = "attach-by-driver-two-shares";

describe(
  "attach by the driver, without Kubernetes' attach controller",
  { skip: (await reasonAgainstLab()) ?? false },
  () => {
    let lab: Lab;
    before(async () => {
      lab = await driverLab();
    });
    after(async () => {
      await takeWayIn(lab, "kubernetes");
      await untilNothingIsLeft(lab);
    });

    it("takes over from the attach controller while a pod writes, and moves the pod", () =>
      withWorkloads(lab, "to-the-driver", async (workloads) => {
        await takeWayIn(lab, "kubernetes");
        await startWriter(workloads);
        await writesOnDuring(workloads, () => takeWayIn(lab, "driver"));
        assert.equal(await wayInNow(lab), "driver");
        await waitUntil(
          "the cluster's attachments to be taken over",
          { timeoutMs: SETTLED_MAX_MS },
          async () => ((await volumeAttachments(lab)).length === 0 ? true : undefined),
        );
        await movesWithItsRecords(workloads, "db-0");
      }));

    describe("without the attach controller", () => {
      before(() => takeWayIn(lab, "driver"));

      it("starts a moved pod only after a slow unmount on its old node, and reports it", () =>
        withWorkloads(lab, "slow-unmount", async (workloads) => {
          const volume = await startAgedWriter(workloads);
          const seen = await recordsDuring(lab, volume, () =>
            withHeldUnmount(lab, BEFORE, async (unmount) => {
              const during = async (): Promise<void> => {
                await unmount.untilUnderWay();
                await isReported(workloads, "db-0", /^WaitingForUnmount: .*node-a/u);
                await unmount.letGo();
              };
              await movesWithItsRecords(workloads, "db-0", { during });
            }),
          );
          assertHandedOver(seen);
          const started = await writerPod(workloads, "db-0");
          const [first] = await toldBy(lab, workloads.namespace, started);
          assert.ok(
            first !== undefined && first.atMs >= firstHeldMs(seen, AFTER),
            "it wrote before its node had the volume",
          );
          assert.deepEqual(await volumeAttachments(lab), []);
          await assertSoundOnDisk(workloads, "db");
        }));

      it("waits for a frozen node without fencing it, reports that, and moves the pod", () =>
        withWorkloads(lab, "frozen-node", async (workloads) => {
          await keepControllersOff(lab, BEFORE);
          const volume = await startAgedWriter(workloads);
          const replica = await uidOfReplica(workloads, volume);
          const old = await writerPod(workloads, "db-0");
          const seen = await recordsDuring(lab, volume, async (soFar) => {
            await lab.kubectl(["cordon", BEFORE]);
            await lab.node(BEFORE).freeze();
            await thenCleanUp(
              async () => {
                await workloads.kubectl(["delete", "pod/db-0", "--force", "--grace-period=0"]);
                await isReported(workloads, "db-0", /^WaitingForUnmount: .*node-a.*out-of-service/u);
                assert.equal((await writerPod(workloads, "db-0")).nodeName, AFTER);
                assert.ok(
                  soFar().every(({ record }) => record.writer?.nodeName === BEFORE),
                  "no other node has the volume while the frozen node may write",
                );
              },
              async () => {
                await lab.node(BEFORE).thaw();
                await lab.kubectl(["uncordon", BEFORE]);
              },
            );
            await workloads.untilReady("db-0");
          });
          assertHandedOver(seen);
          assert.equal(
            await uidOfReplica(workloads, volume),
            replica,
            "the old replica is promoted: it is neither pruned nor recreated",
          );
          const started = await writerPod(workloads, "db-0");
          await untilSignalled(lab, workloads.namespace, started, "wrote");
          // The frozen pod's log is gone with it; its records are on the disk.
          await assertRecordsKept(workloads, "db-0", [{ uid: old.uid, told: [] }, started]);
          await assertSoundOnDisk(workloads, "db");
        }));

      it("keeps a pod waiting while another node's pod writes the volume, and names both", () =>
        withWorkloads(lab, "two-pods", async (workloads) => {
          const volume = await startAgedWriter(workloads);
          const writer = await writerPod(workloads, "db-0");
          const seen = await recordsDuring(lab, volume, async (soFar) => {
            await workloads.apply(secondPod());
            await isReported(workloads, "second", /^WaitingForWriter: .*node-a.*db-0/u);
            await untilSignalled(lab, workloads.namespace, writer, "wrote", 5);
            await assertNeverFailed(lab, workloads.namespace, writer);
            assert.ok(
              soFar().every(({ record }) => record.writer?.nodeName === BEFORE && record.writer.held),
              "the writer keeps the volume",
            );
            await workloads.kubectl(["scale", "statefulset/db", "--replicas=0"]);
            await workloads.untilReady("second");
          });
          assertHandedOver(seen);
          await assertRecordsKept(workloads, "second", [{ uid: writer.uid, told: [] }]);
          await workloads.kubectl(["delete", "pod/second"]);
        }));

      it("resumes an attach during which the leader was killed", () =>
        withWorkloads(lab, "leader-killed-by-driver", async (workloads) => {
          await untilControllersReady(lab);
          await attachesUnderKilledLeader(workloads, { wayIn: "driver", home: AFTER });
          await movesWithItsRecords(workloads, "db-0");
        }));

      it("moves pods off a node without power only after a fence, with no record lost", () =>
        withWorkloads(lab, "power-loss-by-driver", async (workloads) => {
          await keepControllersOff(lab, VICTIM);
          await movesOffNodeWithoutPower(workloads, "driver", "person");
        }));

      it("neither loses data nor fences when the API server dies or an AzVolume is deleted", () =>
        withWorkloads(lab, "api-fails-by-driver", async (workloads) => {
          await startAgedWriter(workloads);
          const moved = await movesWhileApiServerRestarts(workloads, "db-0");
          await writesOnWithoutItsObject(workloads, moved);
          await movesWithItsRecords(workloads, "db-0");
          await assertSoundOnDisk(workloads, "db");
        }));

      it("keeps a pod writing through plug-in restarts and upgrades, until a drain", () =>
        withReplica(
          lab,
          { namespace: "plug-in-by-driver", storageClass: TWO_SHARES, home: AFTER },
          async (workloads, pod) => {
            await writesOnWhilePlugInEnds(workloads, pod, "driver");
            const replica = await drainReplica(workloads, pod);
            await lab.kubectl(["uncordon", replica]);
            await untilFailoverReady(workloads, pod, "True");
            await movesWithItsRecords(workloads, "db-0", { by: "drain" });
          },
        ));
    });

    it("returns a cluster to the attach controller while a pod writes, and moves it", () =>
      withWorkloads(lab, "to-kubernetes", async (workloads) => {
        await takeWayIn(lab, "driver");
        const volume = await startWriter(workloads);
        await writesOnDuring(workloads, () => takeWayIn(lab, "kubernetes"));
        assert.equal(await wayInNow(lab), "kubernetes");
        await workloads.kubectl(["annotate", "pod/db-0", "attach=by-kubernetes"]);
        await waitUntil(
          "the pod's attachment to be a VolumeAttachment",
          { timeoutMs: ATTACH_CONTROLLER_LOOKS_MAX_MS },
          async () =>
            (await volumeAttachments(lab)).some((attachment) => attachment === `${BEFORE} true`)
              ? true
              : undefined,
        );
        await movesWithItsRecords(workloads, "db-0");
        assert.equal((await attachmentsOf(lab, volume)).get(AFTER)?.spec.role, "Primary");
      }));
  },
);

/** The writer on node-a, and a replica on node-b; returns its volume. */
async function startWriter(workloads: Workloads): Promise<string> {
  await workloads.apply(recordWriter({ name: "db", storageClass: CLASS, home: BEFORE }));
  await workloads.untilReady("db-0");
  assert.equal(await workloads.nodeOf("db-0"), BEFORE);
  const volume = (await workloads.volumeOf("data-db-0")).metadata.name;
  await waitUntil(`${volume} to have a replica on ${AFTER}`, { timeoutMs: SETTLED_MAX_MS }, async () =>
    (await attachmentsOf(workloads.lab, volume)).get(AFTER)?.status?.state === "Attached" ? true : undefined,
  );
  return volume;
}

/** The same, once its replica is older than the time for which unrequested replicas are kept. */
async function startAgedWriter(workloads: Workloads): Promise<string> {
  const volume = await startWriter(workloads);
  await untilReplicasOld(workloads, "data-db-0");
  return volume;
}

/** The attachment on node-b, recreated or not. */
async function uidOfReplica({ lab }: Workloads, volume: string): Promise<string | undefined> {
  return (await attachmentsOf(lab, volume)).get(AFTER)?.metadata.uid;
}

/** The writer is the same pod afterwards, and each record of it is on the disk. */
async function writesOnDuring(workloads: Workloads, change: () => Promise<void>): Promise<void> {
  const { lab, namespace } = workloads;
  const pod = await writerPod(workloads, "db-0");
  await change();
  await untilSignalled(lab, namespace, pod, "wrote");
  assert.deepEqual(await writerPod(workloads, "db-0"), pod);
  await assertNeverFailed(lab, namespace, pod);
  await assertRecordsKept(workloads, "db-0", [pod]);
}

async function isReported(workloads: Workloads, pod: string, event: RegExp): Promise<void> {
  await waitUntil(`pod ${pod} to get the event ${event.source}`, { timeoutMs: SETTLED_MAX_MS }, async () =>
    (await workloads.eventsOf("Pod", pod)).some((told) => event.test(told)) ? true : undefined,
  );
}

/** A pod on the other node that requests the writer's volume. Only Kubernetes' scheduler permits that. */
function secondPod(): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "second" },
    spec: {
      terminationGracePeriodSeconds: 1,
      nodeSelector: { "kubernetes.io/hostname": AFTER },
      containers: [
        {
          name: "main",
          image: "busybox",
          command: ["sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"],
          volumeMounts: [{ name: "data", mountPath: "/data" }],
        },
      ],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data-db-0" } }],
    },
  });
}
