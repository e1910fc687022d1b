import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { readObject } from "./read-objects.ts";
import {
  aSnapshotClass,
  aVolumeSnapshot,
  deleteSnapshots,
  snapshotsInAzure,
  takeSnapshots,
  untilSnapshotReady,
} from "./workload/snapshots.ts";
import { aClaim, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { type Workloads, withClusterObjects, withWorkloads } from "./workload/workloads.ts";

const GONE_MAX_MS = 180_000;
const REFUSED_MAX_MS = 180_000;

describe("snapshots of volumes", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await takeSnapshots(lab);
  });
  after(() => untilNothingIsLeft(lab));

  const withClaim = (
    namespace: string,
    parameters: Readonly<Record<string, string>>,
    use: (workloads: Workloads) => Promise<void>,
  ): Promise<void> =>
    withWorkloads(lab, namespace, (workloads) =>
      withClusterObjects(lab, manifestOf(aSnapshotClass(namespace, parameters)), async () => {
        const mounts = [{ claim: "data", path: "/data" }];
        await workloads.apply(
          manifestOf(aClaim({ name: "data", storageClass: "managed-csi" }), aPod({ name: "app", mounts })),
        );
        await workloads.untilReady("app");
        await workloads.apply(
          manifestOf(aVolumeSnapshot({ name: "first", snapshotClass: namespace, claim: "data" })),
        );
        await thenCleanUp(
          () => use(workloads),
          () => deleteSnapshots(workloads),
        );
      }),
    );

  it("makes a snapshot of a claim in use, keeps it without its disk, and deletes it", () =>
    withClaim("snapshot-in-use", { tags: "team=storage" }, async (workloads) => {
      const { kubectl } = workloads;
      await untilSnapshotReady(workloads, "first");
      const size = "--output=jsonpath={.status.restoreSize}";
      assert.equal(await kubectl(["get", "volumesnapshot/first", size]), "4Gi");

      const [inAzure, ...others] = await snapshotsInAzure(lab);
      assert.ok(inAzure !== undefined && others.length === 0);
      assert.deepEqual(
        [
          inAzure.properties.incremental,
          inAzure.properties.networkAccessPolicy,
          inAzure.tags["team"],
          inAzure.tags["kubernetes.io-created-for-snapshot-namespace"],
        ],
        [true, "DenyAll", "storage", "snapshot-in-use"],
      );
      const handle = "--output=jsonpath={.items[*].status.snapshotHandle}";
      assert.equal(await kubectl(["get", "volumesnapshotcontents", handle]), inAzure.id);

      await kubectl(["delete", "pod/app", "pvc/data", "--grace-period=1", "--timeout=120s"], {
        timeoutMs: 240_000,
      });
      assert.equal((await snapshotsInAzure(lab)).length, 1);
      await kubectl(["delete", "volumesnapshot/first", "--timeout=120s"], { timeoutMs: 240_000 });
      await waitUntil("the snapshot to be gone in Azure", { timeoutMs: GONE_MAX_MS }, async () =>
        (await snapshotsInAzure(lab)).length === 0 ? true : undefined,
      );
    }));

  it("tells the user which parameter of the class is refused, and why", () =>
    withClaim("snapshot-refused", { userAgents: "mine" }, async (workloads) => {
      const { namespace } = workloads;
      const first = `/apis/snapshot.storage.k8s.io/v1/namespaces/${namespace}/volumesnapshots/first`;
      const refusal =
        /parameters\.userAgents \\?"mine\\?": is no parameter of this driver; did you mean userAgent/u;
      // At first the message may say that snapshot-controller has not seen the class yet.
      await waitUntil("the refusal", { timeoutMs: REFUSED_MAX_MS }, async () => {
        const { status } = await readObject<{
          readonly status?: { readonly error?: { readonly message?: string } };
        }>(lab, first);
        return refusal.test(status?.error?.message ?? "") || undefined;
      });
      assert.deepEqual(await snapshotsInAzure(lab), []);
    }));
});
