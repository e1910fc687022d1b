import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admitsNode } from "./node-affinity.ts";
import type { Requirement } from "./pod-rules.ts";

const node = { nodeName: "node-b", labels: { zone: "eastus-1", cores: "8" } };

describe("admitsNode", () => {
  const rows: readonly {
    readonly because: string;
    readonly terms: readonly {
      readonly labels?: readonly Requirement[];
      readonly fields?: readonly Requirement[];
    }[];
    readonly admits: boolean;
  }[] = [
    {
      because: "In",
      terms: [{ labels: [{ key: "zone", operator: "In", values: ["eastus-1"] }] }],
      admits: true,
    },
    {
      because: "In, another",
      terms: [{ labels: [{ key: "zone", operator: "In", values: ["2"] }] }],
      admits: false,
    },
    {
      because: "NotIn",
      terms: [{ labels: [{ key: "zone", operator: "NotIn", values: ["2"] }] }],
      admits: true,
    },
    {
      because: "NotIn, missing",
      terms: [{ labels: [{ key: "x", operator: "NotIn", values: ["2"] }] }],
      admits: true,
    },
    {
      because: "Exists",
      terms: [{ labels: [{ key: "zone", operator: "Exists", values: [] }] }],
      admits: true,
    },
    {
      because: "DoesNotExist",
      terms: [{ labels: [{ key: "zone", operator: "DoesNotExist", values: [] }] }],
      admits: false,
    },
    { because: "Gt", terms: [{ labels: [{ key: "cores", operator: "Gt", values: ["4"] }] }], admits: true },
    { because: "Lt", terms: [{ labels: [{ key: "cores", operator: "Lt", values: ["4"] }] }], admits: false },
    {
      because: "Gt of no integer",
      terms: [{ labels: [{ key: "zone", operator: "Gt", values: ["4"] }] }],
      admits: false,
    },
    {
      because: "an operator of a later Kubernetes",
      terms: [{ labels: [{ key: "zone", operator: "Like", values: ["e"] }] }],
      admits: false,
    },
    {
      because: "all conditions of a term must hold",
      terms: [
        {
          labels: [
            { key: "zone", operator: "Exists", values: [] },
            { key: "rack", operator: "Exists", values: [] },
          ],
        },
      ],
      admits: false,
    },
    {
      because: "one term is enough",
      terms: [
        { labels: [{ key: "rack", operator: "Exists", values: [] }] },
        { labels: [{ key: "zone", operator: "Exists", values: [] }] },
      ],
      admits: true,
    },
    { because: "no term", terms: [], admits: false },
    { because: "a term without conditions", terms: [{}], admits: false },
    {
      because: "Kubernetes gives a volume's affinity no name of a node",
      terms: [{ fields: [{ key: "metadata.name", operator: "In", values: ["node-b"] }] }],
      admits: false,
    },
    {
      because: "so that it is never the excluded one",
      terms: [{ fields: [{ key: "metadata.name", operator: "NotIn", values: ["node-b"] }] }],
      admits: true,
    },
  ];
  for (const { because, terms, admits } of rows)
    it(`${admits ? "admits" : "does not admit"} a node: ${because}`, () =>
      assert.equal(
        admitsNode(
          terms.map(({ labels = [], fields = [] }) => ({ matchExpressions: labels, matchFields: fields })),
          node,
        ),
        admits,
      ));
});
