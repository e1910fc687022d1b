import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { plannedConditionTypes } from "../../src/core/writer/plan-conditions.ts";
import { crdManifests } from "./crd-manifests.ts";

/**
 * Keywords of JSON Schema that a structural schema (apiextensions.k8s.io/v1) must not have, or only in ways
 * that Zod does not write.
 */
const FORBIDDEN = new Set([
  "$ref",
  "$schema",
  "allOf",
  "anyOf",
  "const",
  "definitions",
  "dependencies",
  "not",
  "oneOf",
  "patternProperties",
  "propertyNames",
]);

interface Node {
  readonly path: string;
  readonly value: Readonly<Record<string, unknown>>;
}

function nodesIn(value: unknown, path: string): readonly Node[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.entries(value).flatMap(([name, child]) => nodesIn(child, `${path}.${name}`));
  return Array.isArray(value) ? inner : [{ path, value: value as Node["value"] }, ...inner];
}

function schemaOf(content: string): readonly Node[] {
  const manifest = parse(content) as {
    readonly spec: {
      readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: unknown } }[];
    };
  };
  return manifest.spec.versions.flatMap(({ schema }) => nodesIn(schema.openAPIV3Schema, "schema"));
}

function columnsOf(content: string): readonly { readonly jsonPath: string }[] {
  const manifest = parse(content) as {
    readonly spec: {
      readonly versions: readonly {
        readonly additionalPrinterColumns: readonly { readonly jsonPath: string }[];
      }[];
    };
  };
  return manifest.spec.versions.flatMap(({ additionalPrinterColumns }) => additionalPrinterColumns);
}

describe("crdManifests", () => {
  for (const { path, content } of crdManifests()) {
    it(`writes a structural schema into ${path}`, () => {
      const nodes = schemaOf(content);
      assert.ok(nodes.length > 10);
      const forbidden = nodes.flatMap((node) =>
        Object.keys(node.value)
          .filter((name) => FORBIDDEN.has(name) && !node.path.endsWith(".properties"))
          .map((name) => `${node.path}.${name}`),
      );
      assert.deepEqual(forbidden, []);
      const untyped = nodes.filter(
        ({ path: where, value }) =>
          /\.properties\.[^.]+$|\.items$|\.additionalProperties$/u.test(where) &&
          typeof value["type"] !== "string",
      );
      assert.deepEqual(untyped, []);
    });

    it(`describes each field in ${path}`, () => {
      const undescribed = schemaOf(content).filter(
        ({ path: where, value }) =>
          /\.properties\.[^.]+$/u.test(where) &&
          where !== "schema.properties.metadata" &&
          typeof value["description"] !== "string",
      );
      assert.deepEqual(
        undescribed.map(({ path: where }) => where),
        [],
      );
    });

    it(`lets integers in ${path} be as large as TypeScript's`, () => {
      const integers = schemaOf(content).filter(({ value }) => value["type"] === "integer");
      assert.ok(
        integers.every(
          ({ value }) => value["format"] === "int64" && value["maximum"] !== Number.MAX_SAFE_INTEGER,
        ),
      );
    });
  }

  it("carries the rules that a schema can't state", () => {
    const volumes = crdManifests().find(({ path }) => path.endsWith("azvolumes.yaml"));
    assert.match(volumes?.content ?? "", /rule: self\.maxMountReplicaCount < self\.disk\.maxShares/u);
    assert.match(volumes?.content ?? "", /rule: self\.volumeName == oldSelf\.volumeName/u);
  });

  it("shows each condition of a volume that says what is wrong in a column", () => {
    const volumes = crdManifests().filter(({ path }) => path.endsWith("/azvolumes.yaml"));
    assert.ok(volumes.length > 0);
    for (const { content } of volumes) {
      const paths = columnsOf(content).map(({ jsonPath }) => jsonPath);
      const hidden = plannedConditionTypes.filter((type) =>
        paths.every((path) => !path.startsWith(`.status.conditions[?(@.type=="${type}")].`)),
      );
      assert.deepEqual(hidden, []);
    }
  });
});
