import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "../cluster/assert/nothing-left.ts";
import { driverLab } from "../cluster/driver-lab.ts";
import { untilControllersReady } from "../cluster/leading-controller.ts";
import { listObjects, readObject } from "../cluster/read-objects.ts";
import { aClaim, aPod, manifestOf } from "../cluster/workload/volume-manifests.ts";
import { change, type Workloads, withWorkloads } from "../cluster/workload/workloads.ts";

const CLASS = "managed-csi-premium";
const FOLDER = "/var/lib/kubelet/plugins/disk.csi.azure.com";
const LEASE = "external-snapshotter-leader-disk-csi-azure-com";
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const REFUSALS = "/api/v1/namespaces/azure-disk-csi/events?fieldSelector=reason%3DOtherDriver";
const CONTROLLER = "/apis/apps/v1/namespaces/kube-system/deployments/csi-azuredisk-controller";
const SEEN_MAX_MS = 240_000;

/** V1 is installed while this driver runs, without Helm's check. */
describe("another Azure disk driver beside this one", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab("lab-second");
  });
  after(() => untilNothingIsLeft(lab));

  it("stops controllers from attaching while one of its pods serves a node", () =>
    withWorkloads(lab, "other-driver", async (workloads) => {
      await workloads.apply(manifestOf(aClaim({ name: "data", storageClass: CLASS }), otherNodePlugin()));
      await workloads.untilReady("other-node");
      await untilRefused(
        lab,
        /^nothing is attached or detached: pod other-driver\/other-node serves disk\.csi\.azure\.com on node-a/u,
      );
      await workloads.apply(manifestOf(aPod({ name: "waits", mounts: [{ claim: "data", path: "/data" }] })));
      await workloads.untilEvent(
        "Pod",
        "waits",
        /AttachFailed: .*another Azure disk driver runs beside this one: pod other-driver\/other-node/u,
      );
      assert.equal(await ownerInAzure(workloads), undefined);
      await workloads.kubectl(["delete", "pod/other-node"]);
      await workloads.untilReady("waits");
      await untilControllersReady(lab);
    }));

  it("stops controllers from attaching while its controller renews a Lease (AKS)", () =>
    thenCleanUp(
      async () => {
        const lease = {
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          metadata: { name: LEASE, namespace: "kube-system" },
        };
        const renew = async (): Promise<void> => {
          const spec = {
            holderIdentity: "csi-azuredisk-controller-of-aks",
            leaseDurationSeconds: 15,
            renewTime: microTime(),
          };
          await change(lab, {
            url: `${LEASES}/${LEASE}?fieldManager=test`,
            method: "PATCH",
            headers: { "content-type": "application/apply-patch+yaml" },
            body: { ...lease, spec },
          });
        };
        await renew();
        await untilRefused(
          lab,
          /Lease kube-system\/external-snapshotter-leader-disk-csi-azure-com is renewed by csi-azuredisk-controller-of-aks/u,
          renew,
        );
        await lab.kubectl(["delete", "lease", LEASE, "--namespace=kube-system"]);
        await untilControllersReady(lab);
      },
      async () => {
        await lab.kubectl(["delete", "lease", LEASE, "--namespace=kube-system", "--ignore-not-found"]);
      },
    ));
});

/** A pod that has what the kubelet needs of a node plug-in, and does nothing. */
function otherNodePlugin(): object {
  const containers = [
    {
      name: "driver",
      image: "busybox",
      command: ["sleep", "3600"],
      securityContext: { privileged: true },
      volumeMounts: [{ name: "plugin", mountPath: "/csi" }],
    },
  ];
  const volumes = [{ name: "plugin", hostPath: { path: FOLDER, type: "DirectoryOrCreate" } }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "other-node" },
    spec: { nodeName: "node-a", terminationGracePeriodSeconds: 1, containers, volumes },
  };
}

/**
 * Waits for the event at the controllers' Lease, and until no controller is ready. `during` runs at each
 * check.
 */
async function untilRefused(
  lab: Lab,
  message: RegExp,
  during: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await waitUntil(`an event OtherDriver ${String(message)}`, { timeoutMs: SEEN_MAX_MS }, async () => {
    await during();
    const events = await listObjects<{ readonly message: string }>(lab, REFUSALS);
    return events.some((event) => message.test(event.message)) ? true : undefined;
  });
  await waitUntil("no controller to be ready", { timeoutMs: SEEN_MAX_MS }, async () => {
    await during();
    const { status } = await readObject<{ readonly status: { readonly readyReplicas?: number } }>(
      lab,
      CONTROLLER,
    );
    return (status.readyReplicas ?? 0) === 0 ? true : undefined;
  });
}

/** The VM in Azure's entry for the disk of claim `data`; undefined: none. */
async function ownerInAzure({ volumeOf, lab }: Workloads): Promise<string | undefined> {
  const diskUri = (await volumeOf("data")).status?.detail?.diskUri ?? assert.fail("the volume has no disk");
  const disk = (await lab.azure.call("GET", `${diskUri}?api-version=2025-01-02`)) as {
    readonly managedBy?: string;
  };
  return disk.managedBy;
}

/** The present time, in the format of a renewal in Kubernetes. */
function microTime(): string {
  return new Date(systemClock.nowMs()).toISOString().replace("Z", "000Z");
}
