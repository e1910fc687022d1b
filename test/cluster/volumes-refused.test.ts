import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { aClaim, aClass, type ClaimOptions, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, withWorkloads } from "./workload/workloads.ts";

interface Refusal {
  readonly name: string;
  readonly because: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly claim?: Partial<ClaimOptions>;
  /** The parts of `kubectl describe pvc`, in this order: the field, the value, and the allowed values. */
  readonly says: readonly string[];
}

const TOLD_MAX_MS = 240_000;
const LOOK_EVERY_MS = 500;
const SKUS =
  "Standard_LRS, StandardSSD_LRS, StandardSSD_ZRS, Premium_LRS, Premium_ZRS, UltraSSD_LRS, PremiumV2_LRS";

const refusals: readonly Refusal[] = [
  {
    name: "wrong-sku",
    because: "an SKU that Azure does not have",
    parameters: { skuName: "Premium_LSR" },
    says: ["parameters.skuName", "Premium_LSR", SKUS, "did you mean Premium_LRS?"],
  },
  {
    name: "wrong-parameter",
    because: "an unknown parameter",
    parameters: { cacheMode: "ReadOnly" },
    says: [
      "parameters.cacheMode",
      "ReadOnly",
      "did you mean cachingMode?",
      "Allowed: skuName, storageAccountType, maxShares",
    ],
  },
  {
    name: "wrong-file-system",
    because: "a file system that the driver can't make",
    parameters: { fsType: "zfs" },
    says: ["parameters.fsType", "zfs", "must be one of", "ext4", "xfs"],
  },
  {
    name: "too-many-shares",
    because: "more shares than a disk of that size has",
    parameters: { skuName: "Premium_LRS", maxShares: "5" },
    says: ["parameters.maxShares", "5", "3"],
  },
  {
    name: "read-only-many",
    because: "a file system on several nodes: even a read-only mount writes",
    parameters: { skuName: "Premium_LRS", maxShares: "2" },
    claim: { accessMode: "ReadOnlyMany" },
    says: [
      "volume_capability.access_mode",
      "MULTI_NODE_READER_ONLY",
      "a file system can be used on one node only",
      "SINGLE_NODE_WRITER",
      "volumeMode Block",
    ],
  },
  {
    name: "raw-without-shares",
    because: "a raw disk on several nodes that only one VM may have",
    parameters: { skuName: "Premium_LRS" },
    claim: { accessMode: "ReadWriteMany", volumeMode: "Block" },
    says: [
      "volume_capability.access_mode",
      "MULTI_NODE_MULTI_WRITER",
      "maxShares is 1 and must be at least 2",
    ],
  },
];

describe("a claim that can't be met", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("names the invalid field, its value and the allowed values in its claim's events", () =>
    withWorkloads(lab, "refused", async (workloads) =>
      withClusterObjects(
        lab,
        manifestOf(...refusals.map(({ name, parameters }) => aClass({ name, parameters }))),
        async () => {
          await workloads.apply(
            manifestOf(...refusals.map(({ name, claim }) => aClaim({ name, storageClass: name, ...claim }))),
          );
          for (const { name, because, says } of refusals) {
            let told: readonly string[] = [];
            // The first failure may come from another controller: one whose cache does not have the class
            // yet.
            await waitUntil(
              `${name} to be refused: ${because}`,
              { timeoutMs: TOLD_MAX_MS, everyMs: LOOK_EVERY_MS },
              async () => {
                told = (await workloads.kubectl(["describe", "pvc", name]))
                  .split("\n")
                  .filter((line) => line.includes("ProvisioningFailed"));
                return told.some((line) => hasInOrder(line, says)) || undefined;
              },
            ).catch((error: unknown) => {
              throw new Error(`the claim says\n${told.join("\n")}`, { cause: error });
            });
          }
        },
      ),
    ));
});

/** Whether a text has all of these parts, one after another. */
function hasInOrder(text: string, parts: readonly string[]): boolean {
  let from = 0;
  return parts.every((part) => {
    const at = text.indexOf(part, from);
    from = at + part.length;
    return at !== -1;
  });
}
