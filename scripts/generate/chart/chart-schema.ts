import type { GeneratedFile } from "../generated-file.ts";
import type { ChartValue, ChartValues } from "./chart-value.ts";
import { chartValues } from "./chart-values.ts";

type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The schema against which Helm checks values before it renders anything. It refuses a misspelt value by
 * name.
 */
export function chartSchema(): GeneratedFile {
  const values = schemaOf({ kind: "group", values: chartValues() });
  // Helm passes the global values of a parent chart to every chart.
  const properties = { ...(values["properties"] as object), global: { type: "object" } };
  const schema = {
    $schema: "https://json-schema.org/draft-07/schema#",
    title: "Values of azuredisk-csi-driver",
    ...values,
    properties,
  };
  return { path: "deploy/chart/values.schema.json", content: `${JSON.stringify(schema, undefined, 2)}\n` };
}

function schemaOf(value: ChartValue): JsonSchema {
  switch (value.kind) {
    case "text":
      return {
        type: "string",
        ...described(value),
        ...(value.pattern === undefined ? {} : { pattern: value.pattern }),
        ...(value.choices === undefined ? {} : { enum: value.choices }),
      };
    case "flag":
      return { type: "boolean", ...described(value) };
    case "number":
      return {
        type: value.isWhole ? "integer" : "number",
        ...described(value),
        minimum: value.min,
        maximum: value.max,
      };
    case "texts":
      return { type: "array", ...described(value), items: { type: "string" } };
    case "object":
      return { type: "object", ...described(value) };
    case "objects":
      return { type: "array", ...described(value), items: { type: "object" } };
    case "textsByName":
      return {
        type: "object",
        ...described(value),
        additionalProperties: { type: "string" },
        // Of `propertyNames` Helm reports another place.
        ...(value.own.length === 0
          ? {}
          : { properties: Object.fromEntries(value.own.map((name) => [name, false])) }),
      };
    case "variables":
      return {
        type: "array",
        ...described(value),
        items: { type: "object", required: ["name"], properties: { value: { type: ["string", "null"] } } },
      };
    case "either":
      return { ...described(value), anyOf: value.of.map(schemaOf) };
    case "group":
      return { type: "object", additionalProperties: false, properties: schemasOf(value.values) };
    case "named":
      return { type: "object", ...described(value), additionalProperties: schemaOf(value.of) };
  }
}

function schemasOf(values: ChartValues): JsonSchema {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, schemaOf(value)]));
}

function described({ about }: { readonly about: string }): JsonSchema {
  return about === "" ? {} : { description: about };
}
