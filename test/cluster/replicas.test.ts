import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { azureCallsFromNow } from "./assert/azure-journal.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab, PRUNE_AFTER_MS } from "./driver-lab.ts";
import { assertReplicaKept, untilReplicasOld } from "./old-replicas.ts";
import { withForeignDisks } from "./workload/foreign-disks.ts";
import { attachmentsOf, type Workloads, withWorkloads } from "./workload/workloads.ts";

const SETTLED_MAX_MS = 240_000;
/** Changes without an event are noticed once a minute. */
const LOOKED_AT_AGAIN_MAX_MS = 240_000;
/** Maximum of data disks of the lab's VMs. */
const SLOTS = 16;

describe("attachment replicas on a cluster", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("moves a pod to a replica without a call to Azure; prunes unrequested replicas", () =>
    withWorkloads(lab, "replicas", async (workloads) => {
      await workloads.apply(databaseOf({ shares: 2 }));
      await workloads.untilReady("db-0");
      const volume = (await workloads.volumeOf("data-db-0")).metadata.name;
      await workloads.inPod(
        "db-0",
        "head -c 3000000 /dev/urandom > /data/file; sync; cd /data; sha256sum file > file.sha256; sync",
      );
      await untilAttached(lab, volume, 2);
      await showsResources(lab, volume);

      const first = await workloads.nodeOf("db-0");
      const replica = await otherNodeOf(lab, volume, first);
      const replicas = await untilReplicasOld(workloads, "data-db-0");
      const calls = await azureCallsFromNow(lab);
      await lab.kubectl(
        ["drain", first, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=180s"],
        { timeoutMs: SETTLED_MAX_MS },
      );
      await workloads.untilReady("db-0");
      assert.equal(await workloads.nodeOf("db-0"), replica, "the extender steers the pod to the replica");
      await assertReplicaKept(workloads, "data-db-0", replica, replicas);
      assert.deepEqual(await calls.vmWrites(), [], "nothing was attached or detached");
      assert.equal(await workloads.inPod("db-0", "cd /data && sha256sum -c file.sha256"), "file: OK");
      await lab.kubectl(["uncordon", first]);
      await workloads.untilEvent("Pod", "db-0", /^ReplicaPromoted:/u);

      await untilAttached(lab, volume, 2);
      await lab.kubectl(["cordon", replica]);
      await workloads.kubectl(["delete", "pod", "db-0"]);
      await workloads.untilReady("db-0");
      await lab.kubectl(["uncordon", replica]);
      assert.equal(
        await workloads.nodeOf("db-0"),
        first,
        "the extender steers the pod back to where it was, which is the replica now",
      );
      assert.equal(await workloads.inPod("db-0", "cd /data && sha256sum -c file.sha256"), "file: OK");

      await workloads.kubectl(["rollout", "restart", "statefulset/db"]);
      await workloads.kubectl(["rollout", "status", "statefulset/db", `--timeout=${SETTLED_MAX_MS}ms`], {
        timeoutMs: SETTLED_MAX_MS,
      });
      assert.equal(await workloads.inPod("db-0", "cd /data && sha256sum -c file.sha256"), "file: OK");
      assert.deepEqual(await calls.vmWrites(), [], "nothing was attached or detached");

      await workloads.kubectl(["scale", "statefulset/db", "--replicas=0"]);
      await untilAttached(lab, volume, 0, PRUNE_AFTER_MS + SETTLED_MAX_MS);
    }));

  it("removes a replica when all shares are in use and the pod has to run elsewhere", () =>
    withWorkloads(lab, "all-shares-taken", async (workloads) => {
      await workloads.apply(databaseOf({ shares: 2 }));
      await workloads.untilReady("db-0");
      const volume = (await workloads.volumeOf("data-db-0")).metadata.name;
      await untilAttached(lab, volume, 2);
      const taken = [...(await attachmentsOf(lab, volume)).keys()];
      const third = lab.nodes.map(({ name }) => name).find((name) => !taken.includes(name)) ?? "";
      await lab.kubectl(["cordon", ...taken]);
      await workloads.kubectl(["delete", "pod", "db-0"]);
      await workloads.untilReady("db-0");
      await lab.kubectl(["uncordon", ...taken]);
      assert.equal(await workloads.nodeOf("db-0"), third);
      await untilAttached(lab, volume, 2);
    }));

  it("places replicas only where the pod could run, and reports why one is missing", () =>
    withWorkloads(lab, "placement", async (workloads) => {
      await lab.kubectl(["taint", "node", "node-c", "dedicated=other:NoSchedule"]);
      const untaint = async (): Promise<void> => {
        // kubectl fails to remove a taint that is not there.
        const taints = await lab.kubectl([
          "get",
          "node",
          "node-c",
          "--output=jsonpath={.spec.taints[*].key}",
        ]);
        if (taints.includes("dedicated")) await lab.kubectl(["taint", "node", "node-c", "dedicated-"]);
      };
      await thenCleanUp(async () => {
        await workloads.apply(databaseOf({ shares: 3, affinity: notNextTo("batch") }));
        await workloads.untilReady("db-0");
        const volume = (await workloads.volumeOf("data-db-0")).metadata.name;
        await untilAttached(lab, volume, 2);
        assert.equal((await attachmentsOf(lab, volume)).has("node-c"), false);
        await waitUntil(
          "the claim to say which replica is missing, and why",
          { timeoutMs: LOOKED_AT_AGAIN_MAX_MS },
          async () => {
            const events = await workloads.eventsOf("PersistentVolumeClaim", "data-db-0");
            return (
              events.some(
                (event) =>
                  event.startsWith("ReplicasMissing:") &&
                  event.includes("node-c") &&
                  event.includes("dedicated"),
              ) || undefined
            );
          },
        );
        await workloads.apply(batchOn("node-c"));
        await workloads.untilReady("batch");
        await untaint();
        await labelNodeOf(workloads, "db-0");
        // The check may precede the taint's removal in the driver's cache: then the next one reports it.
        await waitUntil(
          "the claim to say that the pod would not run beside batch",
          { timeoutMs: LOOKED_AT_AGAIN_MAX_MS },
          async () => {
            const events = await workloads.eventsOf("PersistentVolumeClaim", "data-db-0");
            return (
              events.some(
                (event) =>
                  event.startsWith("ReplicasMissing:") &&
                  event.includes("node-c") &&
                  event.includes("affinity"),
              ) || undefined
            );
          },
        );
        assert.equal((await attachmentsOf(lab, volume)).has("node-c"), false);
        await workloads.kubectl(["delete", "pod", "batch", "--grace-period=0", "--force"]);
        await labelNodeOf(workloads, "db-0");
        await untilAttached(lab, volume, 3, LOOKED_AT_AGAIN_MAX_MS);
      }, untaint);
    }));

  it("removes a replica for a pod that has to run on a VM without a free slot", () =>
    withForeignDisks(lab, { nodeName: "node-c", count: SLOTS - 1 }, () =>
      withWorkloads(lab, "slots-full", async (workloads) => {
        await workloads.apply(databaseOf({ shares: 3, affinity: preferably("node-a") }));
        await workloads.untilReady("db-0");
        const volume = (await workloads.volumeOf("data-db-0")).metadata.name;
        await untilAttached(lab, volume, 3);
        await workloads.apply(loneWriterOn("node-c"));
        await workloads.untilReady("lone");
        // The driver may try that node again until the node has counted its foreign disks again.
        const replica = (await attachmentsOf(lab, volume)).get("node-c");
        assert.notEqual(replica?.status?.state, "Attached");
        await waitUntil(
          "the volume to say that a replica was evicted",
          { timeoutMs: SETTLED_MAX_MS },
          async () => {
            const told = await lab.kubectl([
              "--namespace=azure-disk-csi",
              "get",
              "events",
              `--field-selector=involvedObject.name=${volume}`,
              "--output=jsonpath={.items[*].reason}",
            ]);
            return /\bReplicaEvicted\b/u.test(told) || undefined;
          },
        );
      }),
    ));
});

/** `kubectl get` in the words and columns of the user documents. */
async function showsResources(lab: Lab, volume: string): Promise<void> {
  const get = (kind: string): Promise<string> => lab.kubectl(["--namespace=azure-disk-csi", "get", kind]);
  assert.match(
    await get("azv"),
    new RegExp(
      `^NAME +CLAIMNAMESPACE +CLAIM +STATE +WRITER +.*\\n` +
        `(?:.*\\n)*${volume} +\\S+ +\\S+ +Created +node-[abc] +`,
      "u",
    ),
  );
  const attachments = await get("azva");
  assert.match(attachments, new RegExp(`${volume}.* Primary +Primary +Attached`, "u"));
  assert.match(attachments, new RegExp(`${volume}.* Replica +Replica +Attached`, "u"));
  assert.match(await get("azdn"), /node-a +true +/u);
}

async function untilAttached(
  lab: Lab,
  volume: string,
  count: number,
  timeoutMs = SETTLED_MAX_MS,
): Promise<void> {
  await waitUntil(`${volume} to be attached to ${count} nodes`, { timeoutMs }, async () => {
    const attachments = [...(await attachmentsOf(lab, volume)).values()];
    return (
      (attachments.length === count && attachments.every(({ status }) => status?.state === "Attached")) ||
      undefined
    );
  });
}

/**
 * Free room for a replica elsewhere causes no event: the volume is checked again within a minute, and at
 * once when the node of its pod changes.
 */
async function labelNodeOf(workloads: Workloads, pod: string): Promise<void> {
  const home = await workloads.nodeOf(pod);
  for (const label of ["look=again", "look-"]) await workloads.lab.kubectl(["label", "node", home, label]);
}

async function otherNodeOf(lab: Lab, volume: string, nodeName: string): Promise<string> {
  const other = [...(await attachmentsOf(lab, volume)).keys()].find((name) => name !== nodeName);
  if (other === undefined) throw new Error(`${volume} is attached only to ${nodeName}`);
  return other;
}

const WRITER =
  `sh, -c, "trap 'exit 0' TERM; while true; do date >> /data/log; sync; ` + `sleep 1 & wait $!; done"`;

/**
 * A database: one pod, one zone-redundant disk that several nodes may have at once, all but one of them as
 * replicas.
 */
function databaseOf({
  shares,
  affinity = "",
}: {
  readonly shares: number;
  readonly affinity?: string;
}): string {
  return `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: shares-${shares}}
provisioner: disk.csi.azure.com
parameters: {skuName: Premium_ZRS, maxShares: "${shares}"}
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      schedulerName: csi-azuredisk-scheduler-extender
      terminationGracePeriodSeconds: 1
      ${affinity}
      containers:
      - name: db
        image: busybox
        command: [${WRITER}]
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec:
      accessModes: [ReadWriteOnce]
      storageClassName: shares-${shares}
      resources: {requests: {storage: 1Ti}}
`;
}

function preferably(nodeName: string): string {
  const term = `{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [${nodeName}]}]}`;
  return (
    "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, " +
    `preference: ${term}}]}}`
  );
}

function notNextTo(app: string): string {
  return (
    "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: " +
    `{matchLabels: {app: ${app}}}, topologyKey: kubernetes.io/hostname}]}}`
  );
}

function batchOn(nodeName: string): string {
  return `
apiVersion: v1
kind: Pod
metadata: {name: batch, labels: {app: batch}}
spec:
  nodeName: ${nodeName}
  tolerations: [{operator: Exists}]
  containers: [{name: batch, image: busybox, command: [sleep, "3600"]}]
`;
}

/** A pod on one node with its own disk. */
function loneWriterOn(nodeName: string): string {
  return `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: lone}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: managed-csi
  resources: {requests: {storage: 10Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: lone}
spec:
  terminationGracePeriodSeconds: 1
  nodeSelector: {kubernetes.io/hostname: ${nodeName}}
  containers:
  - name: lone
    image: busybox
    command: [${WRITER}]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: lone}}]
`;
}
