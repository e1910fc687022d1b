import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { azureCallsFromNow } from "./assert/azure-journal.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import {
  assertBothSound,
  backInService,
  cutOffFirst,
  takesOver,
  twoWritersOn,
  untilTrusted,
  VICTIM,
} from "./faults/lose-node.ts";
import { keepControllersOff } from "./leading-controller.ts";
import {
  anAttributesClass,
  azureDiskOf,
  classesOf,
  patchAttributesClass,
  untilClasses,
  untilModified,
} from "./workload/attributes-classes.ts";
import { example } from "./workload/examples.ts";
import { aClaim, aClass, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, type Workloads, withWorkloads } from "./workload/workloads.ts";

const GONE_MAX_MS = 240_000;
const TRIED_MAX_MS = 240_000;
const WRITE_FOR_EVER = "(while date >> /data/log; do sleep 0.1; done) > /dev/null 2>&1 &";
/** A PremiumV2_LRS disk of this size can have more than its first 3000 IOPS. */
const SIZE_GIB = 16;
const FAULT = "no-disk-updates";

describe("volume attributes classes", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await keepControllersOff(lab, VICTIM);
  });
  after(() => untilNothingIsLeft(lab));

  /** Runs `use` with classes `<namespace>-<name>` and a pod whose claim is made with the class `first`. */
  const withClaim = (
    namespace: string,
    classes: Readonly<Record<string, Readonly<Record<string, string>>>>,
    use: (workloads: Workloads, className: (name: string) => string) => Promise<void>,
  ): Promise<void> => {
    const className = (name: string): string => `${namespace}-${name}`;
    const objects = [
      aClass({
        name: namespace,
        parameters: { skuName: "Premium_LRS", cachingMode: "None" },
        volumeBindingMode: "WaitForFirstConsumer",
      }),
      ...Object.entries(classes).map(([name, parameters]) => anAttributesClass(className(name), parameters)),
    ];
    // A VolumeAttributesClass stays until no claim names it.
    return withClusterObjects(lab, manifestOf(...objects), () =>
      withWorkloads(lab, namespace, async (workloads) => {
        await workloads.apply(
          manifestOf(
            aClaim({
              name: "data",
              storageClass: namespace,
              sizeGiB: SIZE_GIB,
              attributesClass: className("first"),
            }),
            podOf("app"),
          ),
        );
        await workloads.untilReady("app");
        await use(workloads, className);
      }),
    );
  };

  it("makes a disk of its claim's class, and changes SKU, IOPS and tags under its pod", () =>
    withClaim(
      "class-changes",
      {
        first: { skuName: "StandardSSD_LRS", tags: "tier=first" },
        fast: {
          skuName: "PremiumV2_LRS",
          DiskIOPSReadWrite: "4000",
          DiskMBpsReadWrite: "200",
          tags: "tier=fast,claim=${pvc.metadata.namespace}/${pvc.metadata.name}",
        },
        faster: { DiskIOPSReadWrite: "5000" },
      },
      async (workloads, className) => {
        await untilModified(workloads, "data", className("first"));
        const first = await azureDiskOf(workloads, "data");
        assert.deepEqual([first.sku.name, first.tags["tier"]], ["StandardSSD_LRS", "first"]);
        await workloads.inPod("app", "echo kept > /data/file; sync");
        await workloads.inPod("app", WRITE_FOR_EVER);

        await patchAttributesClass(workloads, "data", className("fast"));
        await untilModified(workloads, "data", className("fast"));
        const fast = await azureDiskOf(workloads, "data");
        assert.deepEqual(
          [fast.sku.name, fast.properties.diskIOPSReadWrite, fast.properties.diskMBpsReadWrite],
          ["PremiumV2_LRS", 4000, 200],
        );
        assert.deepEqual([fast.tags["tier"], fast.tags["claim"]], ["fast", "class-changes/data"]);
        const volume = await workloads.volumeOf("data");
        assert.equal(volume.status?.detail?.skuName, "PremiumV2_LRS");
        assert.equal(
          await lab.kubectl([
            "get",
            `pv/${volume.spec.volumeName}`,
            "--output=jsonpath={.spec.volumeAttributesClassName}",
          ]),
          className("fast"),
        );

        await patchAttributesClass(workloads, "data", className("faster"));
        await untilModified(workloads, "data", className("faster"));
        const { properties, tags } = await azureDiskOf(workloads, "data");
        assert.deepEqual(
          [properties.diskIOPSReadWrite, properties.diskMBpsReadWrite, tags["tier"]],
          [5000, 200, "fast"],
          "only what the class states is changed",
        );
        await continuesToWrite(workloads);
      },
    ));

  it("tells what is wrong with a class, changes nothing, and returns to the old class", () =>
    withClaim(
      "class-refused",
      {
        first: { skuName: "StandardSSD_LRS", tags: "tier=first" },
        misspelt: { skuName: "Premium_LSR", tags: "tier=misspelt" },
        impossible: { skuName: "Premium_ZRS" },
        second: { tags: "tier=second" },
      },
      async (workloads, className) => {
        await untilModified(workloads, "data", className("first"));
        await workloads.inPod("app", WRITE_FOR_EVER);
        const before = await azureDiskOf(workloads, "data");
        const refusals = [
          [
            "misspelt",
            /^VolumeModifyFailed: .*mutable_parameters\.skuName \\?"Premium_LSR\\?": must be one of .*StandardSSD_LRS.*did you mean Premium_LRS\?/u,
          ],
          [
            "impossible",
            /^VolumeModifyFailed: .*mutable_parameters\.skuName \\?"Premium_ZRS\\?": Azure makes no zone-redundant disk of one in zone/u,
          ],
        ] as const;
        for (const [name, says] of refusals) {
          await patchAttributesClass(workloads, "data", className(name));
          await untilClasses(
            workloads,
            "data",
            ({ target, state }) => target === className(name) && state === "Infeasible",
          );
          await workloads.untilEvent("PersistentVolumeClaim", "data", says);
          assert.equal((await classesOf(workloads, "data")).current, className("first"));
          assert.deepEqual(await azureDiskOf(workloads, "data"), before);
        }

        await patchAttributesClass(workloads, "data", className("first"));
        await untilModified(workloads, "data", className("first"));
        await patchAttributesClass(workloads, "data", className("second"));
        await untilModified(workloads, "data", className("second"));
        const { sku, tags } = await azureDiskOf(workloads, "data");
        assert.deepEqual([sku.name, tags["tier"]], ["StandardSSD_LRS", "second"]);
        await continuesToWrite(workloads);
      },
    ));

  it("names the node of a disk that Azure changes at rest only, and changes it then", () =>
    withClaim(
      "class-at-rest",
      { first: { skuName: "StandardSSD_LRS" }, premium: { skuName: "Premium_LRS" } },
      async (workloads, className) => {
        await untilModified(workloads, "data", className("first"));
        await workloads.inPod("app", "echo kept > /data/file; sync");
        await patchAttributesClass(workloads, "data", className("premium"));
        const node = await workloads.nodeOf("app");
        await workloads.untilEvent(
          "PersistentVolumeClaim",
          "data",
          new RegExp(`^VolumeModifyFailed: .*${node}`, "u"),
        );
        const { current, state } = await classesOf(workloads, "data");
        assert.deepEqual([current, state], [className("first"), "InProgress"]);

        await workloads.kubectl(["delete", "pod", "app", `--timeout=${GONE_MAX_MS}ms`], {
          timeoutMs: 2 * GONE_MAX_MS,
        });
        await untilModified(workloads, "data", className("premium"));
        assert.equal((await azureDiskOf(workloads, "data")).sku.name, "Premium_LRS");
        await workloads.apply(manifestOf(podOf("next")));
        await workloads.untilReady("next");
        assert.equal(await workloads.inPod("next", "cat /data/file"), "kept");
      },
    ));

  it("has an example that changes the IOPS and tags of a volume in use", async () => {
    const classes = await example("attributes-classes/classes.yaml");
    const [storageClass = "", ...volume] = (await example("attributes-classes/volume.yaml")).split("\n---\n");
    await withClusterObjects(lab, `${classes}\n---\n${storageClass}`, () =>
      withWorkloads(lab, "class-example", async (workloads) => {
        await workloads.apply(volume.join("\n---\n"));
        await workloads.untilReady("ledger");
        await untilModified(workloads, "ledger", "steady");
        const shown = async (): Promise<readonly unknown[]> => {
          const { properties, tags } = await azureDiskOf(workloads, "ledger");
          return [properties.diskIOPSReadWrite, properties.diskMBpsReadWrite, tags["pace"], tags["claim"]];
        };
        assert.deepEqual(await shown(), [3000, 125, "steady", undefined]);
        await patchAttributesClass(workloads, "ledger", "fast");
        await untilModified(workloads, "ledger", "fast");
        assert.deepEqual(await shown(), [8000, 300, "fast", "class-example/ledger"]);
      }),
    );
  });

  it("ends a change that was under way while its pod's node died, after the failover", () => {
    const name = "class-failover";
    const changed = anAttributesClass(name, { tags: "tier=changed", networkAccessPolicy: "AllowAll" });
    return withClusterObjects(lab, manifestOf(changed), () =>
      withWorkloads(lab, name, async (workloads) => {
        const writers = await twoWritersOn(workloads, VICTIM);
        const claims = writers.map((writer) => `data-${writer.name}`);
        const calls = await azureCallsFromNow(lab);
        const effect = { kind: "Error", status: 503, code: "ServiceUnavailable", message: "try again later" };
        await lab.azure.call("POST", "/emulator/v1/faults", { id: FAULT, operation: "Disks_Update", effect });
        await thenCleanUp(
          async () => {
            for (const claim of claims) {
              await patchAttributesClass(workloads, claim, name);
              await untilTried(workloads, claim);
            }
            await lab.node(VICTIM).kill();
            await thenCleanUp(
              async () => {
                await cutOffFirst(calls, await takesOver(workloads, writers));
                for (const claim of claims) {
                  assert.equal(
                    (await workloads.volumeOf(claim)).spec.modification?.networkAccessPolicy,
                    "AllowAll",
                  );
                  assert.equal((await classesOf(workloads, claim)).current, undefined);
                }
              },
              async () => {
                await lab.node(VICTIM).start(new AbortController().signal);
                await backInService(lab);
              },
            );
          },
          async () => {
            await lab.azure.call("DELETE", `/emulator/v1/faults/${FAULT}`);
          },
        );
        for (const claim of claims) {
          await untilModified(workloads, claim, name);
          const { tags, properties } = await azureDiskOf(workloads, claim);
          assert.deepEqual([tags["tier"], properties.networkAccessPolicy], ["changed", "AllowAll"], claim);
        }
        await untilTrusted(workloads);
        await assertBothSound(workloads);
      }),
    );
  });
});

function podOf(name: string): object {
  return aPod({ name, mounts: [{ claim: "data", path: "/data" }] });
}

/** Waits until Azure has refused a claim's change at least once. */
async function untilTried(workloads: Workloads, claim: string): Promise<void> {
  await waitUntil(`the change of ${claim} to be tried`, { timeoutMs: TRIED_MAX_MS }, async () => {
    const { spec, status } = await workloads.volumeOf(claim);
    return spec.modification !== undefined && status?.error !== undefined ? true : undefined;
  });
}

async function continuesToWrite(workloads: Workloads): Promise<void> {
  const lines = Number(await workloads.inPod("app", "wc -l < /data/log"));
  const more = `until [ $(wc -l < /data/log) -gt ${lines} ]; do sleep 0.1; done`;
  assert.equal(await workloads.inPod("app", `timeout 30 sh -c '${more}' && echo continues`), "continues");
}
