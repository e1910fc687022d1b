import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { listObjects } from "./read-objects.ts";
import { readAuditLog } from "./rights/audit-log.ts";
import { forbiddenRequests, unusedRights } from "./rights/judge-rights.ts";
import { RARELY_USED } from "./rights/rarely-used.ts";
import { describeRight, type RbacBinding, type RbacRole, type Right, rightsOf } from "./rights/right.ts";
import { anAttributesClass, patchAttributesClass, untilModified } from "./workload/attributes-classes.ts";
import { patchSize, untilGrown } from "./workload/growth.ts";
import {
  aSnapshotClass,
  aVolumeSnapshot,
  deleteSnapshots,
  takeSnapshots,
  untilSnapshotReady,
} from "./workload/snapshots.ts";
import { aClaim, aClass, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { type Workloads, withClusterObjects, withWorkloads } from "./workload/workloads.ts";

const NAME = "used-rights";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const GROWN_GIB = 5;
const OF_CHART = "labelSelector=app.kubernetes.io/instance%3Dazuredisk-csi-driver";

describe("rights of the service accounts", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await takeSnapshots(lab);
  });
  after(() => untilNothingIsLeft(lab));

  // The audit log also has what the files before this one have made the driver do.
  it("are all used, and suffice: the API server's audit log shows it", async (t) => {
    if ((await readAuditLog(lab.name)) === undefined)
      return t.skip(`lab ${lab.name} has no audit log: it was not started by this suite`);
    await useVolumes(lab);
    const granted = await grantedRights(lab);
    const log = (await readAuditLog(lab.name)) ?? assert.fail("the audit log is gone");
    assert.deepEqual(forbiddenRequests(log, granted), []);
    const unused = unusedRights(log, granted).filter((right) => !(right in RARELY_USED));
    assert.deepEqual(unused, []);
    const names = new Set(granted.map(describeRight));
    assert.deepEqual(
      Object.keys(RARELY_USED).filter((right) => !names.has(right)),
      [],
    );
  });
});

/** The rights that the chart's roles grant in the cluster, as they are now. */
async function grantedRights(lab: Lab): Promise<readonly Right[]> {
  const list = async <T>(plural: string): Promise<readonly T[]> =>
    listObjects<T>(lab, `${RBAC}/${plural}?${OF_CHART}`);
  const bindings = [
    ...(await list<RbacBinding>("clusterrolebindings")),
    ...(await list<RbacBinding>("rolebindings")),
  ];
  const roles = [...(await list<RbacRole>("clusterroles")), ...(await list<RbacRole>("roles"))];
  const granted = rightsOf(bindings, roles);
  assert.ok(granted.length > 0, "the chart's roles grant nothing");
  return granted;
}

/** What users ask of volumes: a claim, its growth, another class, a snapshot, a volume of it, a clone. */
async function useVolumes(lab: Lab): Promise<void> {
  const objects = [
    aClass({
      name: NAME,
      parameters: { skuName: "Premium_LRS", cachingMode: "None" },
      volumeBindingMode: "WaitForFirstConsumer",
    }),
    anAttributesClass(`${NAME}-first`, { tags: "class=first" }),
    anAttributesClass(`${NAME}-second`, { tags: "class=second" }),
    aSnapshotClass(NAME),
  ];
  await withClusterObjects(lab, manifestOf(...objects), () =>
    withWorkloads(lab, NAME, (workloads) =>
      thenCleanUp(
        () => useVolume(workloads),
        () => deleteSnapshots(workloads),
      ),
    ),
  );
}

async function useVolume(workloads: Workloads): Promise<void> {
  await workloads.apply(
    manifestOf(
      aClaim({ name: "data", storageClass: NAME, attributesClass: `${NAME}-first` }),
      aPod({ name: "app", mounts: [{ claim: "data", path: "/data" }] }),
    ),
  );
  await workloads.untilReady("app");
  await workloads.apply(manifestOf(aVolumeSnapshot({ name: "first", snapshotClass: NAME, claim: "data" })));
  await untilSnapshotReady(workloads, "first");
  await patchSize(workloads, "data", GROWN_GIB);
  await untilGrown(workloads, "data", GROWN_GIB);
  await patchAttributesClass(workloads, "data", `${NAME}-second`);
  await untilModified(workloads, "data", `${NAME}-second`);
  const ofSnapshot = { kind: "VolumeSnapshot", name: "first" } as const;
  const ofClaim = { kind: "PersistentVolumeClaim", name: "data" } as const;
  await workloads.apply(
    manifestOf(
      aClaim({ name: "restored", storageClass: NAME, copyOf: ofSnapshot, sizeGiB: GROWN_GIB }),
      aClaim({ name: "clone", storageClass: NAME, copyOf: ofClaim, sizeGiB: GROWN_GIB }),
      aPod({
        name: "reader",
        // The clone is made in its source's zone, which Kubernetes' own scheduler does not know.
        schedulerName: "csi-azuredisk-scheduler-extender",
        mounts: [
          { claim: "restored", path: "/restored" },
          { claim: "clone", path: "/clone" },
        ],
      }),
    ),
  );
  await workloads.untilReady("reader");
}
