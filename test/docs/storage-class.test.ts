import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { parameterNotes } from "../../scripts/generate/reference/parameter-notes.ts";
import { refusedClasses } from "../../scripts/generate/reference/refused-classes.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { resolveVolumeSpec } from "../../src/core/volume/parameters/resolve-volume-spec.ts";
import type { VolumeParameterName } from "../../src/core/volume/parameters/volume-parameter-table.ts";
import { volumeParameterTable } from "../../src/core/volume/parameters/volume-parameter-table.ts";
import { parseVolumeParameters } from "../../src/core/volume/parameters/volume-parameters.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const YAML_BLOCK = /```yaml\n([\s\S]*?)```/gu;
const PARAMETER_ROW = /^\| `(\w+)` \| (?:`|text|whole)/u;
const METADATA = {
  "csi.storage.k8s.io/pv/name": "pv-1",
  "csi.storage.k8s.io/pvc/name": "claim",
  "csi.storage.k8s.io/pvc/namespace": "ns",
};

type Parameters = Readonly<Record<string, string>>;

const page = await readFile(join(ROOT, "docs/reference/storage-class.md"), "utf8");

/** The parameters of every StorageClass of this driver in a YAML text. */
function classesIn(yaml: string): readonly Parameters[] {
  const objects = parseAllDocuments(yaml).map((document): unknown => document.toJS());
  return objects.flatMap((object) => {
    const { kind, provisioner, parameters } = object as {
      readonly kind?: string;
      readonly provisioner?: string;
      readonly parameters?: Parameters;
    };
    return kind === "StorageClass" && provisioner === "disk.csi.azure.com" ? [parameters ?? {}] : [];
  });
}

/** Throws unless CreateVolume takes a claim of this class. */
function assertUsable(parameters: Parameters): void {
  const spec = specOf(parameters);
  assert.ok(spec.ok, JSON.stringify(spec));
}

/** The spec that CreateVolume makes of a claim of this class. */
function specOf(parameters: Parameters): ReturnType<typeof resolveVolumeSpec> {
  const parsed = parseVolumeParameters({ ...parameters, ...METADATA });
  if (!parsed.ok) return parsed;
  // A disk bursts on demand from 513 GiB on.
  const requiredBytes = gibToBytes(parsed.value.enableBursting === true ? 513 : 10);
  return resolveVolumeSpec({
    parameters: parsed.value,
    capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
    capacity: { requiredBytes, limitBytes: 0n },
  });
}

function accepts(name: string, value: string): boolean {
  const settings = value === "advanced" ? { "device-setting/queue/scheduler": "none" } : {};
  return parseVolumeParameters({ [name]: value, ...settings, ...METADATA }).ok;
}

describe("docs/reference/storage-class.md", () => {
  it("has one row for each parameter that the parser accepts", () => {
    const rows = page.split("\n").flatMap((line) => PARAMETER_ROW.exec(line)?.[1] ?? []);
    const inTable = rows.filter((name) => name in parameterNotes);
    assert.deepEqual(inTable.toSorted(), Object.keys(volumeParameterTable).toSorted());
    for (const name of rows.filter((each) => !(each in parameterNotes)))
      assert.ok(!accepts(name, "1"), `${name} has a row among V1's parameters that are refused`);
  });

  for (const [name, row] of Object.entries(volumeParameterTable)) {
    const { example } = parameterNotes[name as VolumeParameterName];

    it(`gives ${name} an example that is accepted`, () => assert.ok(accepts(name, example), example));

    if (row.kind === "count")
      it(`states the least and the greatest ${name}`, () =>
        assert.deepEqual(
          [row.min - 1, row.min, row.max, row.max + 1].map((count) => accepts(name, String(count))),
          [false, true, true, false],
        ));

    if (row.kind === "choice")
      it(`states every ${name}`, () =>
        assert.deepEqual(
          [...row.choices, "None at all"].filter((choice) => accepts(name, choice)),
          row.choices,
        ));
  }

  it("states the defaults that the parser applies", () => {
    const parsed = parseVolumeParameters({});
    assert.ok(parsed.ok);
    for (const [name, row] of Object.entries(volumeParameterTable))
      if ("default" in row && name !== "tagValueDelimiter")
        assert.equal(parsed.value[name as "skuName" | "maxShares"], row.default, name);
    const tagged = parseVolumeParameters({ tags: "a=1,b=2" });
    assert.equal(tagged.ok && tagged.value.tags["b"], "2");
  });

  for (const { parameters, field, isRefusedForCluster, what } of refusedClasses)
    it(`says rightly that CreateVolume refuses ${what}`.slice(0, 80), () => {
      const spec = specOf(parameters);
      const refused = !spec.ok && spec.failure.kind === "InvalidArgument" ? spec.failure.field : undefined;
      assert.equal(refused, isRefusedForCluster === true ? undefined : `parameters.${field}`);
    });

  it("shows only StorageClasses from which CreateVolume makes a volume", () => {
    const blocks = [...page.matchAll(YAML_BLOCK)].map(([, yaml = ""]) => yaml);
    const classes = blocks.flatMap(classesIn);
    assert.ok(blocks.length > 0 && classes.length === blocks.length);
    for (const parameters of classes) assertUsable(parameters);
  });
});

describe("the StorageClasses of examples/ and the chart", () => {
  it("are each accepted", async () => {
    const classes: Parameters[] = [];
    for await (const path of glob(["examples/**/*.yaml", "test/chart/golden/*.yaml"], { cwd: ROOT }))
      classes.push(...classesIn(await readFile(join(ROOT, path), "utf8")));
    assert.ok(classes.length > 0);
    for (const parameters of classes) assertUsable(parameters);
  });
});
