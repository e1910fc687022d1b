import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Options } from "../../cli/options.ts";
import { controllerRole } from "../roles/controller-role.ts";
import { nodeRole } from "../roles/node-role.ts";
import {
  environmentOfV1,
  flagsOfV1,
  variablesOfV1,
  variablesWithoutEffect,
  whyFlagOfV1IsUnknown,
} from "./flags-of-v1.ts";
import { readSettings } from "./read-settings.ts";

/** Those of klog v2.140, which V1 registers beside its own. */
const KLOG_FLAGS = 14;
const FLAG = /--([a-z][a-z-]+)/gu;

const known = new Set(
  [controllerRole.options, nodeRole.options].flatMap((options: Options) => Object.keys(options)),
);

async function problemsOf(flag: string): Promise<readonly string[]> {
  const command = await readSettings(controllerRole, [`--${flag}=1`]);
  return command.kind === "Refuse" ? command.problems : [];
}

describe("the flags of V1", () => {
  it("are all that V1 has", () => assert.equal(Object.keys(flagsOfV1).length, 54 + KLOG_FLAGS));

  for (const [flag, row] of Object.entries(flagsOfV1))
    it(`--${flag}: ${row.kind}`, async () => {
      if (row.kind === "same") {
        assert.ok(known.has(flag) || flag === "version");
        return;
      }
      assert.ok(!known.has(flag), "a flag of this driver is not refused as V1's");
      const named = JSON.stringify(row).matchAll(FLAG);
      for (const [, name = ""] of named) assert.ok(known.has(name), `--${name}`);
      const why = whyFlagOfV1IsUnknown(flag);
      assert.equal((await problemsOf(flag))[0], `--${flag}: ${why}`);
    });
});

describe("the variables of V1", () => {
  it("are refused by name, since they would be ignored silently", async () => {
    const environment = { ...process.env };
    try {
      for (const name of Object.keys(environmentOfV1)) process.env[name] = "/etc/kubernetes/azurestack.json";
      assert.deepEqual(
        variablesOfV1(process.env).map((problem) => problem.split(":")[0]),
        Object.keys(environmentOfV1),
      );
      const command = await readSettings({ name: "any", usage: "any", options: {} }, []);
      assert.deepEqual(command.kind === "Refuse" ? command.problems : [], variablesOfV1(process.env));
    } finally {
      process.env = environment;
    }
  });

  it("that others may have set are named, and end nothing", () => {
    const environment = {
      ...{ OTEL_TRACES_EXPORTER: "otlp", OTEL_SERVICE_NAME: "", PATH: "/bin" },
      WMI_COM_SECURITY: "off",
    };
    assert.deepEqual(variablesOfV1(environment), []);
    assert.deepEqual(variablesWithoutEffect(environment), [
      "OTEL_SERVICE_NAME",
      "OTEL_TRACES_EXPORTER",
      "WMI_COM_SECURITY",
    ]);
  });

  it("that are empty, as V1's chart leaves them, are no variables", () =>
    assert.deepEqual(variablesOfV1({ AZURE_GO_SDK_LOG_LEVEL: "" }), []));
});
