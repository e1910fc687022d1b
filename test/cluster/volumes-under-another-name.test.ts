import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { uninstallDriver } from "../../testbed/lab/cluster/install-driver.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab, putDriverBack, reinstallDriver } from "./driver-lab.ts";
import { aClaim, aClass, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, withWorkloads } from "./workload/workloads.ts";

const DRIVER = "disk2.csi.azure.com";
const KEY = "topology.disk2.csi.azure.com/zone";
/** The only node of its zone; the scheduler prefers others that are as empty. */
const FAR_NODE = "node-c";

describe("volumes under another driver name", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await uninstallDriver(lab);
    await reinstallDriver(lab, { driver: { name: DRIVER } });
  });
  after(async () => {
    await untilNothingIsLeft(lab);
    await putDriverBack();
  });

  it("are made in the zone of their first pod, and name it by the key of that name", () =>
    withWorkloads(lab, "another-name", async (workloads) => {
      const { zone } = lab.node(FAR_NODE);
      const value = `${lab.azure.location}-${zone}`;
      const allowed = {
        ...aClass({
          name: "allowed-by-its-key",
          parameters: {},
          volumeBindingMode: "WaitForFirstConsumer",
          provisioner: DRIVER,
        }),
        allowedTopologies: [{ matchLabelExpressions: [{ key: KEY, values: [value] }] }],
      };
      await withClusterObjects(lab, manifestOf(allowed), async () => {
        const cases = [
          { name: "chosen", storageClass: "managed-csi-premium", nodeName: FAR_NODE },
          { name: "allowed", storageClass: "allowed-by-its-key" },
        ];
        const objects = cases.flatMap(({ name, storageClass, ...place }) => [
          aClaim({ name, storageClass }),
          aPod({ name, ...place, mounts: [{ claim: name, path: "/data" }] }),
        ]);
        await workloads.apply(manifestOf(...objects));
        for (const { name } of cases) {
          await workloads.untilReady(name);
          assert.equal(await workloads.nodeOf(name), FAR_NODE, name);
          assert.deepEqual((await workloads.volumeOf(name)).status?.detail?.zones, [zone], name);
          const bound = await workloads.kubectl([
            "get",
            `pvc/${name}`,
            "--output=jsonpath={.spec.volumeName}",
          ]);
          const { spec } = JSON.parse(await lab.kubectl(["get", `pv/${bound}`, "--output=json"])) as {
            readonly spec: { readonly csi: { readonly driver: string }; readonly nodeAffinity: unknown };
          };
          const terms = [{ matchExpressions: [{ key: KEY, operator: "In", values: [value] }] }];
          assert.deepEqual(
            [spec.csi.driver, spec.nodeAffinity],
            [DRIVER, { required: { nodeSelectorTerms: terms } }],
          );
        }
      });
    }));
});
