import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { AzureConfig, ConfigFailure } from "./azure-config.ts";
import { createCurrentCredential } from "./current-credential.ts";

const unusable: ConfigFailure = {
  kind: "InvalidArgument",
  field: "azure.json",
  value: "",
  problem: "is no JSON object",
};

describe("a credential whose settings change", () => {
  it("signs in with the new ones, and keeps the last usable ones", async () => {
    let present: Result<AzureConfig, ConfigFailure> = ok({ aadClientSecret: "first" });
    const made: string[] = [];
    const told: string[] = [];
    const credentialOf = ({ aadClientSecret = "" }: AzureConfig): { getToken: () => Promise<never> } => ({
      getToken: async () => ({ token: aadClientSecret, expiresOnTimestamp: 0 }) as never,
    });
    const credential = createCurrentCredential({
      config: { aadClientSecret: "first" },
      credential: credentialOf({ aadClientSecret: "first" }),
      read: async () => present,
      create: (config) => {
        if (config.aadClientSecret === undefined) return fail({ ...unusable, field: "aadClientSecret" });
        made.push(config.aadClientSecret);
        return ok(credentialOf(config));
      },
      onUnusable: ({ field }) => told.push(field),
    });
    const token = async (): Promise<string | undefined> => (await credential.getToken("any"))?.token;
    assert.equal(await token(), "first");
    assert.deepEqual(made, [], "an unchanged file makes no credential, which would forget its tokens");
    present = ok({ aadClientSecret: "second" });
    assert.equal(await token(), "second");
    present = fail(unusable);
    assert.equal(await token(), "second");
    present = ok({});
    assert.equal(await token(), "second");
    assert.deepEqual([made, told], [["second"], ["azure.json", "aadClientSecret"]]);
  });
});
