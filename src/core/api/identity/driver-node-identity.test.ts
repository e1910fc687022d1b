import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { identity, instanceUriOf } from "../../testing/objects.ts";
import { driverNodeProblem, type VmWitnesses } from "./driver-node-identity.ts";

const own = instanceUriOf("node-a");
const other = instanceUriOf("node-b");
const silent: VmWitnesses = {
  instanceUri: undefined,
  nodeName: undefined,
  rivals: () => [],
  trustsUnnamed: true,
};

describe("driverNodeProblem", () => {
  for (const { because, witnesses, problem } of [
    {
      because: "its Node names that VM",
      witnesses: { ...silent, instanceUri: own.toUpperCase(), nodeName: "node-a", trustsUnnamed: false },
      problem: undefined,
    },
    {
      because: "its Node names another VM",
      witnesses: { ...silent, instanceUri: other },
      problem: { because: `it reports the VM ${own}, and node node-a is the VM ${other}`, isEarly: false },
    },
    {
      because: "the VM is that of another Node",
      witnesses: { ...silent, nodeName: "node-b" },
      problem: { because: `it reports the VM ${own}, which is node node-b`, isEarly: false },
    },
    {
      because: "two Nodes name that VM, and the other one counts",
      witnesses: { ...silent, instanceUri: own, nodeName: "node-b" },
      problem: { because: `it reports the VM ${own}, which is node node-b`, isEarly: false },
    },
    {
      because: "no Node names its VM",
      witnesses: { ...silent, trustsUnnamed: false },
      problem: {
        because: `it reports the VM ${own}, and no Node node-a names its VM (spec.providerID)`,
        isEarly: true,
      },
    },
    { because: "nodes without a named VM are trusted", witnesses: silent, problem: undefined },
    {
      because: "two of those report the same VM",
      witnesses: { ...silent, rivals: () => ["node-z"] },
      problem: { because: `it reports the VM ${own}, and so does node-z`, isEarly: false },
    },
    {
      because: "its Node decides against a rival",
      witnesses: { ...silent, instanceUri: own, nodeName: "node-a", rivals: () => ["node-z"] },
      problem: undefined,
    },
  ] as const) {
    it(`${problem === undefined ? "believes" : "ignores"} a node where ${because}`, () => {
      assert.deepEqual(driverNodeProblem(identity("node-a"), witnesses), problem);
    });
  }
});
