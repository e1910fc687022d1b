import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { example } from "./workload/examples.ts";
import { inGiB, patchSize, untilGrown } from "./workload/growth.ts";
import { diskOf, keepDisk, releaseDisk, staticVolume } from "./workload/kept-disks.ts";
import { aClaim, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { attachmentsOf, withClusterObjects, withWorkloads } from "./workload/workloads.ts";

/** The number of tests that run at once: most of a test is waiting. */
const AT_ONCE = 4;
const SETTLED_MAX_MS = 240_000;
const LOOK_EVERY_MS = 200;

/** Manifests and commands come from the users' tutorials, and their output is the same here. */
describe("the tutorials", { skip: (await reasonAgainstLab()) ?? false, concurrency: AT_ONCE }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("Use the Azure Disk CSI driver: the pod's files are on a disk that grows", () =>
    withWorkloads(lab, "tutorial-azure-disk", async (workloads) => {
      const { kubectl } = workloads;
      const apply = async (input: string): Promise<string> => kubectl(["apply", "--filename=-"], { input });
      const pod = await example("aks-azure-disk/nginx-pod-azuredisk.yaml");
      assert.equal(
        await apply(await example("aks-azure-disk/pvc-azuredisk-csi.yaml")),
        "persistentvolumeclaim/pvc-azuredisk created\n",
      );
      assert.equal(await apply(pod), "pod/nginx-azuredisk created\n");
      await workloads.untilReady("nginx-azuredisk");
      await kubectl(["exec", "nginx-azuredisk", "--", "touch", "/mnt/azuredisk/test.txt"]);
      // The pod is Ready before its program has written its first line.
      await waitUntil(
        "outfile and test.txt",
        { timeoutMs: SETTLED_MAX_MS, everyMs: LOOK_EVERY_MS },
        async () =>
          (await kubectl(["exec", "nginx-azuredisk", "--", "ls", "/mnt/azuredisk"])) ===
          "lost+found\noutfile\ntest.txt\n"
            ? true
            : undefined,
      );

      await patchSize(workloads, "pvc-azuredisk", 15);
      const grown = await untilGrown(workloads, "pvc-azuredisk", 15);
      if (grown === "needs a restart of its pods") {
        await kubectl(["delete", "pod", "nginx-azuredisk", "--grace-period=1"]);
        await apply(pod);
        await workloads.untilReady("nginx-azuredisk");
        assert.equal(await untilGrown(workloads, "pvc-azuredisk", 15), "done");
      }
      assert.equal(await inGiB(workloads, "nginx-azuredisk", "/mnt/azuredisk"), 15);
      assert.equal(
        await kubectl(["exec", "nginx-azuredisk", "--", "ls", "/mnt/azuredisk"]),
        "lost+found\noutfile\ntest.txt\n",
      );
      await assert.rejects(patchSize(workloads, "pvc-azuredisk", 5), /field can not be less than/u);
    }));

  it("Create a custom storage class: the disk is created in the zone of its first pod", () =>
    withWorkloads(lab, "tutorial-custom-class", async (workloads) =>
      withClusterObjects(
        lab,
        await example("aks-azure-disk/sc-azuredisk-csi-waitforfirstconsumer.yaml"),
        async () => {
          await workloads.apply(
            manifestOf(aClaim({ name: "data", storageClass: "azuredisk-csi-waitforfirstconsumer" })),
          );
          await workloads.untilEvent("PersistentVolumeClaim", "data", /^WaitForFirstConsumer:/u);
          await workloads.apply(
            manifestOf(aPod({ name: "app", nodeName: "node-c", mounts: [{ claim: "data", path: "/data" }] })),
          );
          await workloads.untilReady("app");
          const { detail } = (await workloads.volumeOf("data")).status ?? {};
          assert.deepEqual([detail?.skuName, detail?.zones], ["StandardSSD_LRS", [lab.node("node-c").zone]]);
        },
      ),
    ));

  it("Migrate storage classes: in-tree volumes stay written, and become CSI volumes", () =>
    withWorkloads(lab, "tutorial-migration", async (workloads) => {
      const { kubectl } = workloads;
      const claimAndPod = (name: string): string =>
        manifestOf(
          aClaim({ name, storageClass: "custom-managed-premium" }),
          aPod({ name, mounts: [{ claim: name, path: "/data" }] }),
        );
      await withClusterObjects(
        lab,
        await example("in-tree-migration/custom-managed-premium-in-tree.yaml"),
        async () => {
          await workloads.apply(claimAndPod("old"));
          await workloads.untilReady("old");
          await workloads.inPod("old", "echo kept > /data/file; sync");
        },
      );
      await withClusterObjects(
        lab,
        await example("in-tree-migration/custom-managed-premium.yaml"),
        async () => {
          await workloads.apply(claimAndPod("new"));
          await workloads.untilReady("new");
        },
      );
      for (const claim of ["old", "new"])
        assert.equal((await workloads.volumeOf(claim)).status?.detail?.skuName, "Premium_LRS", claim);
      assert.equal(await workloads.inPod("old", "cat /data/file"), "kept");

      const volume = await kubectl(["get", "pvc", "old", "--output=jsonpath={.spec.volumeName}"]);
      const disk = await diskOf(workloads, "old");
      assert.equal(
        await kubectl(["get", "pv", volume, "--output=jsonpath={.spec.azureDisk.diskURI}"]),
        disk.diskUri,
      );
      await keepDisk(workloads, { pod: "old", claim: "old", volume });
      await workloads.apply(await staticVolume(workloads, "tutorial-migration", disk));
      await workloads.apply(
        manifestOf(aPod({ name: "migrated", mounts: [{ claim: "existing-disk", path: "/data" }] })),
      );
      await workloads.untilReady("migrated");
      assert.equal(await workloads.inPod("migrated", "cat /data/file"), "kept");
      await releaseDisk(lab, "tutorial-migration");
    }));

  it("Attachment replicas: the disk is on every node, and its pod keeps its data", () =>
    withWorkloads(lab, "tutorial-replicas", async (workloads) => {
      await workloads.apply(await example("replicas/stateful-set.yaml"));
      await workloads.untilReady("db-0");
      const name = (await workloads.volumeOf("data-db-0")).metadata.name;
      await waitUntil(
        "the disk to be on every node",
        { timeoutMs: SETTLED_MAX_MS, everyMs: LOOK_EVERY_MS },
        async () => {
          const attached = [...(await attachmentsOf(lab, name)).values()].filter(
            ({ status }) => status?.state === "Attached",
          );
          return attached.length === lab.nodes.length || undefined;
        },
      );
      await lab.kubectl([
        "-n",
        "azure-disk-csi",
        "wait",
        `azv/${name}`,
        "--for=condition=FailoverReady",
        "--timeout=180s",
      ]);
      const first = await workloads.inPod("db-0", "head -n 1 /data/log");
      await workloads.kubectl(["delete", "pod", "db-0"]);
      await workloads.untilReady("db-0");
      assert.equal(await workloads.inPod("db-0", "head -n 1 /data/log"), first);
    }));

  it("Deep dive: the page's commands to verify and to troubleshoot work", () =>
    withWorkloads(lab, "tutorial-deep-dive", async (workloads) =>
      withClusterObjects(lab, await example("csi-deep-dive/storage-class.yaml"), async () => {
        const { kubectl } = workloads;
        await workloads.apply(await example("csi-deep-dive/claim.yaml"));
        await workloads.apply(await example("csi-deep-dive/pod.yaml"));
        await workloads.untilReady("csi-demo-pod");
        const volume = await workloads.volumeOf("azuredisk-pvc");
        assert.equal(volume.status?.detail?.formatted?.fsType, "ext4");
        assert.match(
          await kubectl(["get", "sc", "azuredisk-csi", "-o", "wide"]),
          /disk\.csi\.azure\.com +Delete +WaitForFirstConsumer +true/u,
        );
        assert.match(
          await kubectl(["get", "pvc", "azuredisk-pvc"]),
          new RegExp(`Bound +${volume.spec.volumeName} +10Gi +RWO +azuredisk-csi`, "u"),
        );
        assert.match(await kubectl(["get", "pod", "csi-demo-pod"]), /1\/1 +Running/u);
        assert.match(
          await kubectl(["exec", "csi-demo-pod", "--", "df", "-h", "/var/www/html"]),
          /9\.\dG .* \/var\/www\/html/u,
        );
        assert.match(
          await workloads.inPod("csi-demo-pod", "wget -qO- http://localhost:80"),
          /stand-in for nginx/u,
        );

        const podsOf = async (app: string): Promise<readonly string[]> =>
          (await lab.kubectl(["get", "pods", "-n", "kube-system", "-l", `app=${app}`, "--no-headers"]))
            .trim()
            .split("\n");
        // Pods of the driver from another test's chart values may still be ending.
        await waitUntil(
          "two controllers and a plug-in on each node, all of them running",
          { timeoutMs: SETTLED_MAX_MS, everyMs: LOOK_EVERY_MS },
          async () => {
            const [controllers, plugins] = [
              await podsOf("csi-azuredisk-controller"),
              await podsOf("csi-azuredisk-node"),
            ];
            const areRunning = [...controllers, ...plugins].every((pod) => /\bRunning\b/u.test(pod));
            return (
              (areRunning && controllers.length === 2 && plugins.length === lab.nodes.length) || undefined
            );
          },
        );
        const log = await lab.kubectl([
          "logs",
          "-n",
          "kube-system",
          "-l",
          "app=csi-azuredisk-controller",
          "-c",
          "azuredisk",
        ]);
        assert.match(log, /"role":"controller".*"msg":/u);
        const node = await workloads.nodeOf("csi-demo-pod");
        assert.match(
          await lab.kubectl(["get", "volumeattachment"]),
          new RegExp(`disk\\.csi\\.azure\\.com +${volume.spec.volumeName} +${node} +true`, "u"),
        );
        assert.match(
          await kubectl(["describe", "pvc", "azuredisk-pvc"]),
          /ProvisioningSucceeded .*disk\.csi\.azure\.com/u,
        );
        assert.match(
          await kubectl(["describe", "pod", "csi-demo-pod"]),
          new RegExp(`Attached .*disk\\.csi\\.azure\\.com +attached to ${node} as LUN`, "u"),
        );
        const drivers = (await lab.kubectl(["get", "csinode", "-o", "yaml"]))
          .split("\n")
          .filter((line) => /name: .*azure/iu.test(line));
        assert.deepEqual(
          drivers,
          lab.nodes.map(() => "      name: disk.csi.azure.com"),
        );

        await workloads.apply(await example("csi-deep-dive/claim-expanded.yaml"));
        await kubectl([
          "wait",
          `pv/${volume.spec.volumeName}`,
          "--for=jsonpath={.spec.capacity.storage}=20Gi",
          "--timeout=180s",
        ]);
        await untilGrown(workloads, "azuredisk-pvc", 20);
      }),
    ));
});
