import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { azureCallsFromNow } from "./assert/azure-journal.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { assertSoundOnDisk } from "./assert/sound-disk.ts";
import { driverLab } from "./driver-lab.ts";
import { convertsInBackground } from "./faults/convert-in-background.ts";
import {
  assertBothSound,
  backInService,
  cutOffFirst,
  takesOver,
  twoWritersOn,
  untilOutOfQuarantine,
  untilTrusted,
  VICTIM,
} from "./faults/lose-node.ts";
import { keepControllersOff } from "./leading-controller.ts";
import { reasonAgainstKubernetes } from "./older-kubernetes.ts";
import {
  anAttributesClass,
  azureDiskOf,
  classedDiskOf,
  classesOf,
  patchAttributesClass,
  untilClasses,
  untilModified,
} from "./workload/attributes-classes.ts";
import { example } from "./workload/examples.ts";
import { startWriter } from "./workload/record-writer.ts";
import { aClaim, aClass, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, type Workloads, withWorkloads } from "./workload/workloads.ts";

const GONE_MAX_MS = 240_000;
const TRIED_MAX_MS = 240_000;
const WRITE_FOR_EVER = "(while date >> /data/log; do sleep 0.1; done) > /dev/null 2>&1 &";
/** A PremiumV2_LRS disk of this size can have more than its first 3000 IOPS. */
const SIZE_GIB = 16;
const FAULT = "no-disk-updates";

const SKIP =
  (await reasonAgainstLab()) ?? reasonAgainstKubernetes("1.34", "VolumeAttributesClasses") ?? false;

describe("volume attributes classes", { skip: SKIP }, () => {
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
        first: { skuName: "StandardSSD_LRS", tags: "tier=first,of=${pvc.metadata.name}" },
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
        const { tier, of } = first.tags;
        assert.deepEqual([first.sku.name, tier, of], ["StandardSSD_LRS", "first", "data"]);
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

  it("names what is wrong with a class, changes nothing, and returns to the old class", () =>
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
        const before = await classedDiskOf(workloads, "data");
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
          assert.deepEqual(await classedDiskOf(workloads, "data"), before);
        }

        await patchAttributesClass(workloads, "data", className("first"));
        await untilModified(workloads, "data", className("first"));
        await duringOutage(lab, async () => {
          await patchAttributesClass(workloads, "data", className("second"));
          await untilTried(workloads, "data");
          // csi-resizer can't know what became of the change, so it completes it before it goes back.
          await patchAttributesClass(workloads, "data", className("first"));
          const { current, target } = await classesOf(workloads, "data");
          assert.deepEqual([current, target], [className("first"), className("second")]);
        });
        await untilModified(workloads, "data", className("first"));
        assert.equal((await workloads.volumeOf("data")).spec.modification, undefined);
        assert.deepEqual(await classedDiskOf(workloads, "data"), before);

        await patchAttributesClass(workloads, "data", className("second"));
        await untilModified(workloads, "data", className("second"));
        const { sku, tags } = await azureDiskOf(workloads, "data");
        assert.deepEqual([sku.name, tags["tier"]], ["StandardSSD_LRS", "second"]);
        await continuesToWrite(workloads);
      },
    ));

  it("names the node of a disk that changes at rest only; goes back, or changes then", () =>
    withClaim(
      "class-at-rest",
      {
        first: { skuName: "StandardSSD_LRS" },
        premium: { skuName: "Premium_LRS" },
        v2: { skuName: "PremiumV2_LRS" },
      },
      async (workloads, className) => {
        // Its VM caches the disk of this class.
        const cached = aClaim({ name: "cached", storageClass: "managed-csi-premium" });
        await workloads.apply(manifestOf(cached, podOf("cached", "cached")));
        await workloads.untilReady("cached");
        await untilModified(workloads, "data", className("first"));
        const before = await classedDiskOf(workloads, "data");
        for (const pod of ["app", "cached"]) await workloads.inPod(pod, `echo ${pod} > /data/file; sync`);

        await patchAttributesClass(workloads, "cached", className("v2"));
        await untilRefusedFor(workloads, "cached", await workloads.nodeOf("cached"));
        assert.equal((await azureDiskOf(workloads, "cached")).sku.name, "Premium_LRS");
        await patchAttributesClass(workloads, "data", className("premium"));
        await untilRefusedFor(workloads, "data", await workloads.nodeOf("app"));
        const { current, state } = await classesOf(workloads, "data");
        assert.deepEqual([current, state], [className("first"), "InProgress"]);

        await patchAttributesClass(workloads, "data", className("first"));
        await untilModified(workloads, "data", className("first"));
        assert.deepEqual(
          await classedDiskOf(workloads, "data"),
          before,
          "a change taken back leaves no trace",
        );
        assert.equal((await workloads.volumeOf("data")).spec.modification, undefined);

        await patchAttributesClass(workloads, "data", className("premium"));
        await workloads.kubectl(["delete", "pod", "app", "cached", `--timeout=${GONE_MAX_MS}ms`], {
          timeoutMs: 2 * GONE_MAX_MS,
        });
        await untilModified(workloads, "data", className("premium"));
        await untilModified(workloads, "cached", className("v2"));
        assert.equal((await azureDiskOf(workloads, "data")).sku.name, "Premium_LRS");
        assert.equal((await azureDiskOf(workloads, "cached")).sku.name, "PremiumV2_LRS");
        await workloads.apply(manifestOf(podOf("next"), podOf("next-cached", "cached")));
        for (const [next, pod] of [["next", "app"] as const, ["next-cached", "cached"] as const]) {
          await workloads.untilReady(next);
          assert.equal(await workloads.inPod(next, "cat /data/file"), pod);
        }
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

  it("ends changes that were under way while their pods' node died, after the failover", () => {
    const name = "class-failover";
    const [changed, faster, v2] = [name, `${name}-faster`, `${name}-v2`] as const;
    const objects = manifestOf(
      anAttributesClass(changed, { tags: "tier=changed", networkAccessPolicy: "AllowAll" }),
      anAttributesClass(faster, { DiskIOPSReadWrite: "4000", DiskMBpsReadWrite: "200" }),
      anAttributesClass(v2, { skuName: "PremiumV2_LRS" }),
      ...Object.entries({ fast: "PremiumV2_LRS", moved: "Premium_LRS" }).map(([writer, skuName]) =>
        aClass({
          name: `${name}-${writer}`,
          parameters: { skuName, cachingMode: "None" },
          volumeBindingMode: "WaitForFirstConsumer",
        }),
      ),
    );
    return withClusterObjects(lab, objects, () =>
      withWorkloads(lab, name, async (workloads) => {
        const writers = [...(await twoWritersOn(workloads, VICTIM))];
        for (const writer of ["fast", "moved"]) {
          const storageClass = `${name}-${writer}`;
          const started = { name: writer, storageClass, home: VICTIM, sizeGiB: SIZE_GIB };
          writers.push(await startWriter(workloads, started));
        }
        const classes = new Map([
          ["data-shared-0", changed],
          ["data-plain-0", changed],
          ["data-fast-0", faster],
        ]);
        await convertsInBackground(
          workloads,
          { claim: "data-moved-0", className: v2 },
          async (isUnderWay) => {
            const calls = await azureCallsFromNow(lab);
            await duringOutage(lab, async () => {
              for (const [claim, className] of classes) {
                await patchAttributesClass(workloads, claim, className);
                await untilTried(workloads, claim);
              }
              assert.ok(isUnderWay(), "the node dies during the conversion");
              await lab.node(VICTIM).kill();
              await thenCleanUp(
                async () => {
                  await cutOffFirst(calls, await takesOver(workloads, writers));
                  for (const claim of classes.keys()) {
                    assert.ok((await workloads.volumeOf(claim)).spec.modification !== undefined, claim);
                    assert.equal((await classesOf(workloads, claim)).current, undefined);
                  }
                },
                async () => {
                  await lab.node(VICTIM).start(new AbortController().signal);
                  await backInService(lab);
                },
              );
            });
          },
        );
        for (const [claim, className] of classes) await untilModified(workloads, claim, className);
        for (const claim of ["data-shared-0", "data-plain-0"]) {
          const { tags, properties } = await azureDiskOf(workloads, claim);
          assert.deepEqual([tags["tier"], properties.networkAccessPolicy], ["changed", "AllowAll"], claim);
        }
        const { properties } = await azureDiskOf(workloads, "data-fast-0");
        assert.deepEqual([properties.diskIOPSReadWrite, properties.diskMBpsReadWrite], [4000, 200]);
        await untilTrusted(workloads);
        for (const { name: pod } of writers) await untilOutOfQuarantine(workloads, `data-${pod}`, VICTIM);
        await assertBothSound(workloads);
        for (const writer of ["fast", "moved"]) await assertSoundOnDisk(workloads, writer);
      }),
    );
  });
});

/** A pod that has a claim at `/data`. Default: the claim `data`. */
function podOf(name: string, claim = "data"): object {
  return aPod({ name, mounts: [{ claim, path: "/data" }] });
}

/** Waits until csi-resizer reports that a change is refused, for a node that has the disk. */
async function untilRefusedFor(workloads: Workloads, claim: string, nodeName: string): Promise<void> {
  const says = new RegExp(`^VolumeModifyFailed: .*FailedPrecondition.*${nodeName}`, "u");
  await workloads.untilEvent("PersistentVolumeClaim", claim, says);
}

/** Runs `use` while Azure makes no change of a disk, as in an outage. */
function duringOutage(lab: Lab, use: () => Promise<void>): Promise<void> {
  const effect = { kind: "Error", status: 503, code: "ServiceUnavailable", message: "try again later" };
  return thenCleanUp(
    async () => {
      await lab.azure.call("POST", "/emulator/v1/faults", { id: FAULT, operation: "Disks_Update", effect });
      await use();
    },
    async () => {
      await lab.azure.call("DELETE", `/emulator/v1/faults/${FAULT}`);
    },
  );
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
