import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parameterNotes } from "../../scripts/generate/reference/parameter-notes.ts";
import { snapshotParameterNotes } from "../../scripts/generate/reference/snapshot-parameter-notes.ts";
import { flagParity } from "../../scripts/generate/reference/v1-parity/flag-parity.ts";
import {
  type CapabilityRow,
  controllerParity,
  nodeParity,
  pluginParity,
} from "../../scripts/generate/reference/v1-parity/kubernetes-parity.ts";
import {
  fileSystemsOfV1,
  mutableParametersOfV1,
  parameterParity,
  parametersOfV1,
  snapshotParametersOfV1,
  snapshotParity,
} from "../../scripts/generate/reference/v1-parity/parameter-parity.ts";
import type { ParityRow } from "../../scripts/generate/reference/v1-parity/parity-row.ts";
import { whyFlagOfV1IsUnknown } from "../../src/compose/settings/flags-of-v1.ts";
import { stagingMountOptions } from "../../src/core/node/mount-options.ts";
import { parseModification } from "../../src/core/volume/modification/volume-modification.ts";
import { parseSnapshotParameters } from "../../src/core/volume/parameters/snapshot-parameters.ts";
import { unservedAttribute } from "../../src/core/volume/parameters/volume-attributes.ts";
import { compatibilityParameterNames } from "../../src/core/volume/parameters/volume-parameter-table.ts";
import { parseVolumeParameters } from "../../src/core/volume/parameters/volume-parameters.ts";
import { controllerHandlers } from "../../src/csi/controller/controller-handlers.ts";
import { identityHandlers } from "../../src/csi/identity/identity-handlers.ts";
import { nodeHandlers } from "../../src/csi/node/node-handlers.ts";
import { aCall } from "../../src/csi/testing/a-call.ts";
import { withController } from "../../src/csi/testing/a-controller.ts";

const METADATA = {
  "csi.storage.k8s.io/pv/name": "pv-1",
  "csi.storage.k8s.io/pvc/name": "claim",
  "csi.storage.k8s.io/pvc/namespace": "ns",
};
const OWN = { tags: {}, subscriptionId: "00000000-0000-0000-0000-000000000002" };

type Outcome = { readonly ok: true } | { readonly ok: false; readonly failure: { readonly problem: string } };

/** A row is true if the parser takes the name, or refuses it with the reason that the page gives. */
function assertTrue(rows: readonly ParityRow[], name: string, outcome: Outcome): void {
  const row = rows.find((each) => each.name === `\`${name}\``);
  assert.ok(row !== undefined, `${name} has no row`);
  if (outcome.ok) assert.equal(row.state, "yes");
  else {
    assert.equal(row.state, "refused", outcome.failure.problem);
    assert.ok(outcome.failure.problem.includes(row.remark), outcome.failure.problem);
  }
}

/** A value that asks for something. */
function valueOf(notes: Readonly<Record<string, { readonly example: string }>>, name: string): string {
  return notes[name]?.example ?? "1000";
}

describe("docs/reference/v1-parity.md", () => {
  for (const name of parametersOfV1)
    it(`is true of the StorageClass parameter ${name}`, () => {
      const value = valueOf(parameterNotes, name);
      const needs = name === "tagValueDelimiter" ? { tags: "a=b" } : {};
      assertTrue(parameterParity(), name, parseVolumeParameters({ [name]: value, ...needs, ...METADATA }));
    });

  for (const name of fileSystemsOfV1)
    it(`is true of the file system ${name}`, () =>
      assertTrue(parameterParity(), `fsType: ${name}`, parseVolumeParameters({ fsType: name })));

  for (const name of snapshotParametersOfV1)
    it(`is true of the VolumeSnapshotClass parameter ${name}`, () => {
      const { needs } = snapshotParameterNotes[name as keyof typeof snapshotParameterNotes] ?? {};
      const parameters = { [name]: valueOf(snapshotParameterNotes, name), ...needs };
      assertTrue(snapshotParity(), name, parseSnapshotParameters(parameters, OWN));
    });

  for (const name of mutableParametersOfV1)
    it(`is true of the VolumeAttributesClass parameter ${name}`, () =>
      assert.ok(parseModification({ [name]: valueOf(parameterNotes, name) }).ok));

  it("is true of what a VolumeAttributesClass can't change: it is refused by name", () => {
    for (const name of ["cachingMode", "fsType", "maxShares", "userAgent"]) {
      const parsed = parseModification({ [name]: valueOf(parameterNotes, name) });
      assert.ok(!parsed.ok && parsed.failure.field.endsWith(name), name);
    }
  });

  it("is true of PersistentVolumes: what acts is read, or refuses the attach", () => {
    for (const name of parametersOfV1) {
      const served = unservedAttribute(
        { [name]: valueOf(parameterNotes, name), requestedsizegib: "10" },
        { accessType: "mount" },
      );
      assert.equal(served, undefined, name);
    }
    for (const name of ["cachingMode", "fsType", "partition"]) {
      const refused = unservedAttribute({ [name]: "unreadable" }, { accessType: "mount" });
      assert.equal(refused?.field, `volume_context.${name}`);
    }
    const ignored = unservedAttribute({ writeAcceleratorEnabled: "unreadable" }, { accessType: "mount" });
    assert.equal(ignored, undefined);
    const unchecked = stagingMountOptions({ fsType: "ext4", mountFlags: ["directmount"], readOnly: false });
    assert.match(unchecked.ok ? "" : JSON.stringify(unchecked.failure), /directmount is not allowed/u);
  });

  it("is true of flags: only those that the driver takes are served", () => {
    for (const { name, state, remark } of flagParity()) {
      const refusal = whyFlagOfV1IsUnknown(name.replaceAll(/^`--|`$/gu, ""));
      assert.equal(state === "yes", refusal === undefined, `${name} is ${state}`);
      assert.ok(refusal?.endsWith(remark) ?? true, `${name}: ${refusal}`);
    }
  });

  it("names no parameter of older drivers as a parameter of this one", () => {
    const ofGoV2 = "incremental";
    const names: readonly string[] = [...parametersOfV1, ofGoV2];
    for (const name of compatibilityParameterNames) assert.ok(names.includes(name), name);
  });

  it("is true of the capabilities that the driver advertises", async () => {
    const identity = identityHandlers({ driverName: "d", version: "1", isReady: () => true });
    const plugin = await identity.getPluginCapabilities?.({}, aCall());
    assertAdvertised(pluginParity, plugin?.ok === true ? plugin.value.capabilities : []);
    await withController(async ({ context }) => {
      const controller = await controllerHandlers(context).controllerGetCapabilities?.({}, aCall());
      assertAdvertised(controllerParity, controller?.ok === true ? controller.value.capabilities : []);
    });
    // Its capabilities are the same whatever its ports do.
    const node = await nodeHandlers({} as Parameters<typeof nodeHandlers>[0]).nodeGetCapabilities?.(
      {},
      aCall(),
    );
    assertAdvertised(nodeParity, node?.ok === true ? node.value.capabilities : []);
  });
});

function assertAdvertised(
  rows: readonly CapabilityRow[],
  capabilities: readonly { readonly type?: { readonly value: { readonly type: string } } | undefined }[],
): void {
  const names = capabilities.map(({ type }) => type?.value.type ?? "").toSorted();
  const served = rows.filter(({ state }) => state === "yes").flatMap(({ advertised }) => advertised);
  assert.deepEqual(served.toSorted(), names);
  for (const { name, state, advertised } of rows.filter((row) => row.state === "refused"))
    for (const capability of advertised) assert.ok(!names.includes(capability), `${name}: ${state}`);
}
