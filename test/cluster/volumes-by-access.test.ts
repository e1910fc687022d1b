import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { makeDisk } from "./workload/disks-by-hand.ts";
import { releaseDisk, staticVolume } from "./workload/kept-disks.ts";
import { aClaim, aClass, aPod, type ClassOptions, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, withWorkloads } from "./workload/workloads.ts";

/** The number of tests that run at once: most of a test is waiting. */
const AT_ONCE = 3;
const GONE_MAX_MS = 240_000;
const BOUND_MAX_MS = 240_000;
/** The only node of its zone; the scheduler prefers others that are as empty. */
const FAR_NODE = "node-c";
const BLOCK_BYTES = 4096;

describe("volumes by access", { skip: (await reasonAgainstLab()) ?? false, concurrency: AT_ONCE }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("are made where the class allows, by either key of a zone, and their pods follow", () =>
    withWorkloads(lab, "allowed-zones", async (workloads) => {
      const { zone = "" } = lab.node(FAR_NODE);
      const zones = [`${lab.azure.location}-${zone}`];
      const keys = ["topology.disk.csi.azure.com/zone", "topology.kubernetes.io/zone"];
      const modes = ["Immediate", "WaitForFirstConsumer"] as const;
      const cases = keys.flatMap((key, index) =>
        modes.map((volumeBindingMode) => ({
          key,
          volumeBindingMode,
          name: `allowed-${index}-${volumeBindingMode.toLowerCase()}`,
        })),
      );
      const classes = cases.map(({ key, name, volumeBindingMode }) =>
        allowing(key, zones, { name, parameters: {}, volumeBindingMode }),
      );
      await withClusterObjects(lab, manifestOf(...classes), async () => {
        const objects = cases.flatMap(({ name }) => [
          aClaim({ name, storageClass: name }),
          aPod({ name, mounts: [{ claim: name, path: "/data" }] }),
        ]);
        await workloads.apply(manifestOf(...objects));
        for (const { name } of cases) {
          await workloads.untilReady(name);
          assert.equal(await workloads.nodeOf(name), FAR_NODE, name);
          assert.deepEqual((await workloads.volumeOf(name)).status?.detail?.zones, [zone], name);
        }
      });
    }));

  it("can be read by two nodes at once as a raw disk that no pod may write", () =>
    withWorkloads(lab, "read-by-many", async (workloads) => {
      const { kubectl } = workloads;
      const shared = aClass({ name: "read-by-many", parameters: { skuName: "Premium_LRS", maxShares: "2" } });
      await withClusterObjects(lab, manifestOf(shared), async () => {
        const device = "/dev/golden";
        await workloads.apply(
          manifestOf(
            aClaim({ name: "golden", storageClass: "managed-csi", volumeMode: "Block" }),
            aPod({ name: "writer", nodeName: "node-a", mounts: [{ claim: "golden", device }] }),
          ),
        );
        await workloads.untilReady("writer");
        const write = `printf '%-4095s\\n' golden | dd of=${device} bs=${BLOCK_BYTES} conv=fsync 2>/dev/null`;
        await workloads.inPod("writer", write);
        await workloads.apply(
          manifestOf(
            aClaim({
              name: "copies",
              storageClass: "read-by-many",
              accessMode: "ReadOnlyMany",
              volumeMode: "Block",
              copyOf: { kind: "PersistentVolumeClaim", name: "golden" },
            }),
          ),
        );
        await kubectl(
          ["wait", "pvc/copies", "--for=jsonpath={.status.phase}=Bound", `--timeout=${BOUND_MAX_MS}ms`],
          { timeoutMs: 2 * BOUND_MAX_MS },
        );
        const readers = ["node-a", "node-b"].map((nodeName) => ({ nodeName, name: `reader-on-${nodeName}` }));
        await workloads.apply(
          manifestOf(...readers.map((reader) => readerOf("copies", { ...reader, device }))),
        );
        for (const { name } of readers) await workloads.untilReady(name);
        for (const { name, nodeName } of readers) {
          assert.equal(await workloads.nodeOf(name), nodeName);
          const read = `head -c ${BLOCK_BYTES} ${device} | tr -d ' '`;
          assert.equal(await workloads.inPod(name, read), "golden", name);
          await assert.rejects(
            workloads.inPod(name, write.replace("2>/dev/null", "")),
            /not permitted|Read-only/u,
          );
        }
      });
    }));

  it("may stand in a pod itself, as in-tree disks, and later in a PersistentVolume", () =>
    withWorkloads(lab, "inline", async (workloads) => {
      const { azure } = lab;
      const { zone = "" } = lab.node("node-a");
      const diskUri = azure.vmId("node-a").replace(/virtualMachines\/.*/u, "disks/inline");
      await makeDisk(azure, { diskUri, zone });
      const azureDisk = { diskName: "inline", diskURI: diskUri, kind: "Managed", fsType: "ext4" };
      for (const [name, nodeName, command] of [
        ["first", "node-a", "echo kept > /data/file; sync; cat /data/file"],
        ["second", "node-b", "cat /data/file"],
      ] as const) {
        const pod = aPod({ name, nodeName, mounts: [{ claim: "data", path: "/data" }] });
        await workloads.apply(manifestOf(withVolume(pod, { name: "data", azureDisk })));
        await workloads.untilReady(name);
        assert.equal(await workloads.inPod(name, command), "kept");
        await workloads.kubectl(["delete", `pod/${name}`, `--timeout=${GONE_MAX_MS}ms`], {
          timeoutMs: 2 * GONE_MAX_MS,
        });
      }

      await workloads.apply(await staticVolume(workloads, "inline", { diskUri, zone }));
      await workloads.apply(
        manifestOf(aPod({ name: "third", mounts: [{ claim: "existing-disk", path: "/data" }] })),
      );
      await workloads.untilReady("third");
      assert.equal(await workloads.inPod("third", "cat /data/file"), "kept");
      await releaseDisk(lab, "inline");
    }));
});

/** A class whose disks may be in some zones only. */
function allowing(key: string, values: readonly string[], options: ClassOptions): object {
  return { ...aClass(options), allowedTopologies: [{ matchLabelExpressions: [{ key, values }] }] };
}

/** A pod that has a raw claim for reading only. */
function readerOf(
  claim: string,
  { name, nodeName, device }: { readonly name: string; readonly nodeName: string; readonly device: string },
): object {
  const pod = aPod({ name, nodeName, mounts: [{ claim, device }] });
  return withVolume(pod, { name: claim, persistentVolumeClaim: { claimName: claim, readOnly: true } });
}

/** The pod with this volume instead of its own. */
function withVolume(pod: object, volume: object): object {
  const { spec, ...rest } = pod as { readonly spec: object };
  return { ...rest, spec: { ...spec, volumes: [volume] } };
}
