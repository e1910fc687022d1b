import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { kubernetesOfTests } from "../../testbed/parts/build-kubernetes.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { untilNodeReady } from "./node-ready.ts";
import { findObject, readObject } from "./read-objects.ts";
import { aClaim, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { type Workloads, withWorkloads } from "./workload/workloads.ts";

const NAME = "lost-registration";
const DRIVER = "disk.csi.azure.com";
const NODE = "node-c";
const PATH = `/apis/storage.k8s.io/v1/csinodes/${NODE}`;
/** The plug-in looks each five minutes, and once more before it acts. */
const RESTORED_MAX_MS = 480_000;

const SKIP =
  (await reasonAgainstLab()) ??
  (kubernetesOfTests() === undefined
    ? "from Kubernetes 1.35 on the kubelet restores the entry: AZUREDISK_KUBERNETES names an older one"
    : false);

interface CsiNode {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly drivers: readonly { readonly name: string }[] | null };
}

describe("a node's entry of the driver in its CSINode", { skip: SKIP }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("comes back after its CSINode was deleted, and the node's pods keep their disks", () =>
    withWorkloads(lab, NAME, async (workloads) => {
      await startPod(workloads, "before");
      const { metadata } = await csiNode(lab);
      await lab.kubectl(["delete", "csinode", NODE]);
      await untilRegistered(lab, metadata.uid);
      await startPod(workloads, "after");
      await workloads.inPod("before", "echo more >> /data/file; sync");
    }));

  it("is there after its kubelet was restarted, and after its Node was made again", () =>
    withWorkloads(lab, `${NAME}-kubelet`, async (workloads) => {
      await restartKubelet(lab);
      await startPod(workloads, "restarted");
      await workloads.kubectl(["delete", "pod", "restarted"]);
      const { metadata } = await csiNode(lab);
      await lab.kubectl(["delete", "node", NODE]);
      await restartKubelet(lab);
      await untilRegistered(lab, metadata.uid);
      await startPod(workloads, "again");
    }));
});

async function startPod(workloads: Workloads, name: string): Promise<void> {
  await workloads.apply(
    manifestOf(
      aClaim({ name, storageClass: "managed-csi" }),
      aPod({ name, nodeName: NODE, mounts: [{ claim: name, path: "/data" }] }),
    ),
  );
  await workloads.untilReady(name);
  await workloads.inPod(name, "echo written > /data/file; sync");
}

async function restartKubelet(lab: Lab): Promise<void> {
  await lab.node(NODE).stopKubelet();
  await lab.node(NODE).startKubelet();
  await untilNodeReady(lab, NODE);
}

function csiNode(lab: Lab): Promise<CsiNode> {
  return readObject<CsiNode>(lab, PATH);
}

/** Waits until another CSINode than the one of this uid names the driver. */
async function untilRegistered(lab: Lab, earlierUid: string): Promise<void> {
  await waitUntil(
    `another CSINode of ${NODE} to name the driver`,
    { timeoutMs: RESTORED_MAX_MS },
    async () => {
      const found = await findObject<CsiNode>(lab, PATH);
      if (found === undefined || found.metadata.uid === earlierUid) return undefined;
      return (found.spec.drivers ?? []).some(({ name }) => name === DRIVER) ? true : undefined;
    },
  );
}
