import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apiVersionProblem, defaultApiVersions, replacementFor, serviceOf } from "./api-versions.ts";

const LOCATION = "/subscriptions/s/providers/Microsoft.Compute/locations/eastus";
const COMPUTE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute";

/** Azure's refusal of a version by an older cloud. */
const refusal = (...supported: readonly string[]): { readonly code: string; readonly message: string } => ({
  code: "NoRegisteredProviderFound",
  message:
    "No registered resource provider found for location 'chinaeast2' and API version '2025-01-02' for type " +
    `'disks'. The supported api-versions are '${supported.join(", ")}'. The supported locations are 'x'.`,
});

describe("the API version of a call", () => {
  it("is that of its service", () => {
    const services = [
      `${COMPUTE}/disks`,
      `${COMPUTE}/snapshots/snapshot-1`,
      `${COMPUTE}/virtualMachines/vm-a`,
      `${COMPUTE}/virtualMachineScaleSets/pool/virtualMachines/7`,
      "/subscriptions/s/providers/Microsoft.Compute/skus",
      `${LOCATION}/operations/1`,
      `${LOCATION}/DiskOperations/1`,
      "/subscriptions/s/providers/Microsoft.Storage/skus",
    ].map((path) => serviceOf(new URL(path, "https://management.azure.com")));
    assert.deepEqual(services, ["disk", "disk", "vm", "vm", "sku", "vm", "disk", undefined]);
  });

  it("is that of the URL where Azure has written it, as those of operations", () => {
    for (const path of ["operations/1", "DiskOperations/1"]) {
      const url = `https://management.azure.com${LOCATION}/${path}?p=1&api-version=2024-07-01`;
      assert.equal(serviceOf(new URL(url)), undefined);
    }
  });

  it("is replaced for SKUs too, whose versions are older", () => {
    assert.equal(replacementFor("sku", "2021-07-01", refusal("2017-09-01", "2019-04-01")), "2019-04-01");
    assert.equal(replacementFor("sku", "2021-07-01", refusal("2017-09-01")), undefined);
  });

  const rows = [
    {
      because: "the newest older one",
      supported: ["2023-04-02", "2024-03-02", "2026-03-02"],
      to: "2024-03-02",
    },
    {
      because: "a newer one where there is no older one",
      supported: ["2026-03-02", "2027-01-01"],
      to: "2026-03-02",
    },
    {
      because: "none that lacks what the driver uses",
      supported: ["2019-07-01", "2022-07-02"],
      to: undefined,
    },
    { because: "no preview", supported: ["2024-03-02-preview"], to: undefined },
  ];
  for (const { because, supported, to } of rows)
    it(`is replaced where a cloud refuses it: ${because}`, () =>
      assert.equal(replacementFor("disk", "2025-01-02", refusal(...supported)), to));

  it("is a date", () => {
    for (const version of [...Object.values(defaultApiVersions), "2024-03-02-preview"])
      assert.equal(apiVersionProblem(version), undefined);
    for (const wrong of ["", "latest", "2024-3-2", "2024-03-02-beta"])
      assert.match(apiVersionProblem(wrong) ?? "", /^expected a date/u);
  });

  it("stays after any other error, whatever it lists", () => {
    const other = { ...refusal("2024-03-02"), code: "InvalidParameter" };
    assert.equal(replacementFor("disk", "2025-01-02", other), undefined);
  });
});
