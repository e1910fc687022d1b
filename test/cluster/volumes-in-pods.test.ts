import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { disksInAzure } from "./assert/azure-journal.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { reasonAgainstKubernetes } from "./older-kubernetes.ts";
import { readObject } from "./read-objects.ts";
import { example } from "./workload/examples.ts";
import { aClaim, aClass, aPod, manifestOf, type MountOptions } from "./workload/volume-manifests.ts";
import { withClusterObjects, type Workloads, withWorkloads } from "./workload/workloads.ts";

/** The number of tests that run at once: most of a test is waiting. */
const AT_ONCE = 4;
const GONE_MAX_MS = 240_000;
const LOOK_EVERY_MS = 200;
/** The kubelet asks for it once a minute. */
const HEALTH_MAX_MS = 240_000;

/** What the pod `damaged/user` says of its volumes, once it says that something is wrong. */
async function untilUnhealthy(lab: Lab): Promise<readonly string[]> {
  const health = await waitUntil("the pod's status to say so", { timeoutMs: HEALTH_MAX_MS }, async () => {
    const pod = await readObject<WithHealth>(lab, "/api/v1/namespaces/damaged/pods/user");
    const found = pod.status.volumeHealth?.flatMap(({ healthConditions = [] }) => healthConditions) ?? [];
    return found.length > 0 ? found : undefined;
  });
  return health.map(({ status, reason }) => `${status}: ${reason}`);
}

interface WithHealth {
  readonly status: {
    readonly volumeHealth?: readonly {
      readonly healthConditions?: readonly { readonly status: string; readonly reason: string }[];
    }[];
  };
}

describe("volumes in pods", { skip: (await reasonAgainstLab()) ?? false, concurrency: AT_ONCE }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("keeps a pod's ext4, xfs, btrfs and raw block when it moves to another node", () =>
    withWorkloads(lab, "volume-kinds", async (workloads) =>
      withClusterObjects(
        lab,
        manifestOf(
          waiting("volume-kinds-ext4", { fsType: "ext4" }),
          waiting("volume-kinds-xfs", { fsType: "xfs", skuName: "Premium_LRS" }),
          waiting("volume-kinds-btrfs", { fsType: "btrfs" }),
        ),
        async () => {
          const mounts = [
            { claim: "ext4", path: "/ext4" },
            { claim: "xfs", path: "/xfs" },
            { claim: "btrfs", path: "/btrfs" },
            { claim: "raw", device: "/dev/raw-disk" },
          ];
          await workloads.apply(
            manifestOf(
              aClaim({ name: "ext4", storageClass: "volume-kinds-ext4" }),
              aClaim({ name: "xfs", storageClass: "volume-kinds-xfs" }),
              aClaim({ name: "btrfs", storageClass: "volume-kinds-btrfs" }),
              aClaim({ name: "raw", storageClass: "managed-csi", volumeMode: "Block" }),
              aPod({ name: "first", nodeName: "node-a", mounts }),
            ),
          );
          await workloads.untilReady("first");
          const types = "awk '$2 ~ /^.(ext4|xfs|btrfs)$/ {print $2, $3}' /proc/mounts | sort";
          assert.equal(await workloads.inPod("first", types), "/btrfs btrfs\n/ext4 ext4\n/xfs xfs");
          await workloads.inPod(
            "first",
            "for type in ext4 xfs btrfs; do echo of-$type > /$type/file; done; " +
              "echo of-raw | dd of=/dev/raw-disk conv=fsync 2>/dev/null; sync",
          );

          await workloads.kubectl(["delete", "pod", "first"]);
          await workloads.apply(manifestOf(aPod({ name: "second", nodeName: "node-b", mounts })));
          await workloads.untilReady("second");
          assert.equal(
            await workloads.inPod("second", "cat /ext4/file /xfs/file /btrfs/file; head -c 7 /dev/raw-disk"),
            "of-ext4\nof-xfs\nof-btrfs\nof-raw",
          );
        },
      ),
    ));

  it("lets a pod write by its fsGroup, mounts a folder, and keeps readers read-only", () =>
    withWorkloads(lab, "pod-options", async (workloads) => {
      const mount = { claim: "data", path: "/data" } as const satisfies MountOptions;
      await workloads.apply(
        manifestOf(
          aClaim({ name: "data", storageClass: "managed-csi" }),
          aPod({
            name: "writer",
            nodeName: "node-a",
            securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 },
            mounts: [
              mount,
              { claim: "data", path: "/app", subPath: "app" },
              { claim: "data", path: "/read-only", readOnly: true },
            ],
          }),
        ),
      );
      await workloads.untilReady("writer");
      assert.equal(
        await workloads.inPod(
          "writer",
          "echo written > /app/file; cat /data/app/file /read-only/app/file; stat -c '%u %g' /app/file",
        ),
        "written\nwritten\n1000 2000",
      );
      await refused(workloads, "writer", "touch /read-only/file", /Read-only file system/u);

      await workloads.apply(manifestOf(readerOf("data")));
      await workloads.untilReady("reader");
      assert.equal(await workloads.inPod("reader", "cat /data/app/file"), "written");
      await refused(workloads, "reader", "touch /data/file", /Read-only file system/u);
      await workloads.inPod("writer", "echo more >> /app/file");
      assert.equal(await workloads.inPod("reader", "cat /data/app/file"), "written\nmore");
    }));

  it("shows errors in a file system on the pod and its claim, and changes nothing", (t) =>
    withWorkloads(lab, "damaged", async (workloads) => {
      const mounts = [{ claim: "data", path: "/data" }];
      await workloads.apply(
        manifestOf(
          aClaim({ name: "data", storageClass: "managed-csi" }),
          aPod({ name: "user", nodeName: "node-a", mounts }),
        ),
      );
      await workloads.untilReady("user");
      const device = await workloads.inPod("user", "awk '$2 == \"/data\" {print $1}' /proc/mounts");
      await workloads.inPod("user", "echo kept > /data/file; sync");
      // All nodes of the lab have this machine's kernel.
      await writeFile(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, "a test");
      const told = /^FileSystemErrors: node-a has found errors in the file system of the volume: 1 since/u;
      await workloads.untilEvent("Pod", "user", told);
      await workloads.untilEvent("PersistentVolumeClaim", "data", told);
      const withoutHealth = reasonAgainstKubernetes("1.37", "health of volumes in a pod's status");
      if (withoutHealth === undefined)
        assert.deepEqual(await untilUnhealthy(lab), ["Degraded: FileSystemErrors"]);
      else t.diagnostic(withoutHealth);
      assert.equal(await workloads.inPod("user", "cat /data/file"), "kept");
      const { status } = await workloads.volumeOf("data");
      assert.deepEqual(
        [status?.record?.writer?.nodeName, status?.record?.writer?.held, status?.record?.fencing],
        ["node-a", true, undefined],
      );
    }));

  it("gives a ReadWriteOncePod volume to one pod at a time, and lets a second one wait", () =>
    withWorkloads(lab, "one-pod", async (workloads) => {
      const mounts = [{ claim: "data", path: "/data" }];
      await workloads.apply(
        manifestOf(
          aClaim({ name: "data", storageClass: "managed-csi", accessMode: "ReadWriteOncePod" }),
          aPod({ name: "first", mounts }),
        ),
      );
      await workloads.untilReady("first");
      await workloads.inPod("first", "echo kept > /data/file; sync");
      await workloads.apply(manifestOf(aPod({ name: "second", mounts })));
      await workloads.untilEvent("Pod", "second", /^FailedScheduling: .*ReadWriteOncePod/u);
      await workloads.kubectl(["delete", "pod", "first"]);
      await workloads.untilReady("second");
      assert.equal(await workloads.inPod("second", "cat /data/file"), "kept");
    }));

  it("lets two nodes write one raw disk at once, each seeing what the other wrote", () =>
    withWorkloads(lab, "shared-raw", async (workloads) =>
      withClusterObjects(lab, classOf(await example("volumes/shared-raw-block.yaml")), async () => {
        await workloads.apply(await example("volumes/shared-raw-block.yaml"));
        const members = ["member-0", "member-1"];
        for (const member of members) await workloads.untilReady(member);
        assert.equal(
          new Set(await Promise.all(members.map((member) => workloads.nodeOf(member)))).size,
          2,
          "on two nodes",
        );
        // One block each, past every cache, of one line.
        const write = (member: string, index: number): string =>
          `printf '%-4095s\\n' ${member} | dd of=/dev/shared bs=4096 count=1 seek=${index} ` +
          "iflag=fullblock oflag=direct conv=notrunc 2>/dev/null";
        await Promise.all(members.map((member, index) => workloads.inPod(member, write(member, index))));
        const read = "dd if=/dev/shared bs=4096 count=2 iflag=direct 2>/dev/null | tr -d ' '";
        for (const member of members)
          assert.equal(await workloads.inPod(member, read), "member-0\nmember-1", member);
      }),
    ));

  it("keeps a StatefulSet's disks when it shrinks, or deletes them on request", () =>
    withWorkloads(lab, "stateful-set", async (workloads) => {
      const { kubectl } = workloads;
      const scale = (replicas: number): Promise<string> =>
        kubectl(["scale", "statefulset/database", `--replicas=${replicas}`]);
      await workloads.apply(await example("volumes/stateful-set.yaml"));
      await scale(2);
      for (const pod of ["database-0", "database-1"]) await workloads.untilReady(pod);
      await workloads.inPod("database-1", "echo kept > /data/file; sync");
      const disk = (await workloads.volumeOf("data-database-1")).spec.volumeName;

      await scale(1);
      await kubectl(["wait", "--for=delete", "pod/database-1", "--timeout=180s"]);
      await scale(2);
      await workloads.untilReady("database-1");
      assert.equal(await workloads.inPod("database-1", "cat /data/file"), "kept");

      const whenScaled = {
        spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: "Delete", whenDeleted: "Retain" } },
      };
      await kubectl([
        "patch",
        "statefulset/database",
        "--type=merge",
        `--patch=${JSON.stringify(whenScaled)}`,
      ]);
      await scale(1);
      await kubectl(["wait", "--for=delete", "pvc/data-database-1", "--timeout=180s"]);
      await untilNoDisk(lab, disk);
      assert.equal(await workloads.inPod("database-0", "touch /data/file && echo continues"), "continues");
    }));

  it("creates a generic ephemeral volume with its pod and deletes it with the pod", () =>
    withWorkloads(lab, "ephemeral", async (workloads) => {
      await workloads.apply(await example("volumes/ephemeral.yaml"));
      await workloads.untilReady("scratch");
      await workloads.inPod("scratch", "echo work > /space/file");
      const disk = (await workloads.volumeOf("scratch-space")).spec.volumeName;
      assert.ok((await disksInAzure(lab)).includes(disk));
      await workloads.kubectl(["delete", "pod", "scratch"]);
      await workloads.kubectl(["wait", "--for=delete", "pvc/scratch-space", "--timeout=180s"]);
      await untilNoDisk(lab, disk);
    }));
});

/** A class whose disk is created in the zone of its first pod. */
function waiting(name: string, parameters: Readonly<Record<string, string>>): object {
  return aClass({ name, parameters, volumeBindingMode: "WaitForFirstConsumer" });
}

/** A pod on the writer's node that mounts the whole claim read-only. */
function readerOf(claim: string): object {
  const pod = aPod({ name: "reader", nodeName: "node-a", mounts: [{ claim, path: "/data" }] }) as {
    readonly spec: object;
  };
  return {
    ...pod,
    spec: {
      ...pod.spec,
      volumes: [{ name: claim, persistentVolumeClaim: { claimName: claim, readOnly: true } }],
    },
  };
}

async function refused(workloads: Workloads, pod: string, command: string, why: RegExp): Promise<void> {
  await assert.rejects(workloads.inPod(pod, command), why);
}

async function untilNoDisk(lab: Lab, disk: string): Promise<void> {
  await waitUntil(
    `disk ${disk} to be deleted`,
    { timeoutMs: GONE_MAX_MS, everyMs: LOOK_EVERY_MS },
    async () => !(await disksInAzure(lab)).includes(disk) || undefined,
  );
}

/** The StorageClass at the head of an example. */
function classOf(manifest: string): string {
  return manifest.split("\n---\n")[0] ?? "";
}
