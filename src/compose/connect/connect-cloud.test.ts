import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { driverVersion } from "../../cli/version.ts";
import { azureOptions } from "../settings/process-options.ts";
import { readSettings } from "../settings/read-settings.ts";
import { userAgentOf } from "./connect-cloud.ts";

const role = { name: "any", usage: "any", options: azureOptions };
const own = `azuredisk-csi-driver-v2/${driverVersion}`;

describe("the User-Agent of calls to Azure", () => {
  for (const { flags, expected } of [
    { flags: [], expected: own },
    // As V1's chart gives them.
    { flags: ["--custom-user-agent=", "--user-agent-suffix=OSS-helm"], expected: `${own} OSS-helm` },
    { flags: ["--custom-user-agent=ours/2.0 (of us)"], expected: "ours/2.0 (of us)" },
    { flags: ["--custom-user-agent=ours", "--user-agent-suffix=and yours"], expected: "ours and yours" },
  ])
    it(`is ${JSON.stringify(expected)} with ${JSON.stringify(flags)}`, async () => {
      const command = await readSettings(role, flags);
      assert.equal(command.kind === "Run" ? userAgentOf(command.values) : command, expected);
    });

  for (const flag of ["custom-user-agent", "user-agent-suffix"])
    it(`is refused by --${flag} where it would end the header`, async () => {
      const command = await readSettings(role, [`--${flag}=ours\r\nx-ms-version: 1`]);
      assert.match(
        command.kind === "Refuse" ? (command.problems[0] ?? "") : "",
        new RegExp(`^--${flag}: got "ours.*; .*printable ASCII`, "u"),
      );
    });
});
