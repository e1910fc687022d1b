import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { reasonAgainstKubernetes } from "./older-kubernetes.ts";
import { listObjects, readObject } from "./read-objects.ts";
import { aClaim, aClass, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, withWorkloads } from "./workload/workloads.ts";

const NAME = "without-driver";
const DRIVER = "disk.csi.azure.com";
const NODE = "node-c";
const SETTLED_MAX_MS = 240_000;

interface CsiNode {
  readonly spec: { readonly drivers: readonly { readonly name: string }[] | null };
}

const SKIP =
  (await reasonAgainstLab()) ?? reasonAgainstKubernetes("1.37", "preventPodSchedulingIfMissing") ?? false;

describe("a node without the driver", { skip: SKIP }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("gets a pod with a disk only once the driver has registered, if so set", () =>
    withWorkloads(lab, NAME, (workloads) =>
      withClusterObjects(
        lab,
        manifestOf(aClass({ name: NAME, parameters: {}, volumeBindingMode: "WaitForFirstConsumer" })),
        async () => {
          await thenCleanUp(
            async () => {
              await preventScheduling(lab, true);
              await lab.kubectl(["label", "node", NODE, "type=virtual-kubelet"]);
              await untilWithoutPlugIn(lab);
              await workloads.apply(
                manifestOf(
                  aClaim({ name: NAME, storageClass: NAME }),
                  aPod({ name: NAME, nodeName: NODE, mounts: [{ claim: NAME, path: "/data" }] }),
                ),
              );
              await workloads.untilEvent(
                "Pod",
                NAME,
                /^FailedScheduling: .*disk\.csi\.azure\.com CSI driver is not installed on the node/u,
              );
              await lab.kubectl(["label", "node", NODE, "type-"]);
              await workloads.untilReady(NAME);
            },
            async () => {
              await lab.kubectl(["label", "node", NODE, "type-"]);
              await preventScheduling(lab, false);
              await untilRegistered(lab, true);
            },
          );
        },
      ),
    ));
});

/** What `driver.preventPodSchedulingIfMissing` sets. Kubernetes before 1.37 drops the field. */
async function preventScheduling(lab: Lab, preventPodSchedulingIfMissing: boolean): Promise<void> {
  const patch = JSON.stringify({ spec: { preventPodSchedulingIfMissing } });
  await lab.kubectl(["patch", `csidriver/${DRIVER}`, "--type=merge", `--patch=${patch}`]);
}

/**
 * Waits until the node is as one that has never had the plug-in: one that ends while its DaemonSet stays
 * leaves its socket, so that the kubelet keeps the driver for the next.
 */
async function untilWithoutPlugIn(lab: Lab): Promise<void> {
  const query = new URLSearchParams({
    labelSelector: "app=csi-azuredisk-node",
    fieldSelector: `spec.nodeName=${NODE}`,
  });
  await waitUntil(`no plug-in to be on ${NODE}`, { timeoutMs: SETTLED_MAX_MS }, async () => {
    const plugIns = await listObjects<object>(lab, `/api/v1/namespaces/kube-system/pods?${query.toString()}`);
    return plugIns.length === 0 ? true : undefined;
  });
  await lab.node(NODE).exec(["rm", "-f", `/var/lib/kubelet/plugins_registry/${DRIVER}-reg.sock`]);
  await untilRegistered(lab, false);
}

async function untilRegistered(lab: Lab, isRegistered: boolean): Promise<void> {
  await waitUntil(
    `the driver ${isRegistered ? "" : "not "}to be on ${NODE}`,
    { timeoutMs: SETTLED_MAX_MS },
    async () => {
      const { spec } = await readObject<CsiNode>(lab, `/apis/storage.k8s.io/v1/csinodes/${NODE}`);
      const has = (spec.drivers ?? []).some(({ name }) => name === DRIVER);
      return has === isRegistered ? true : undefined;
    },
  );
}
