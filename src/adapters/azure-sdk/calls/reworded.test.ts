import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuthenticationError, CredentialUnavailableError } from "@azure/identity";
import { reworded } from "./reworded.ts";

describe("an error in other words", () => {
  for (const [caught, facts] of [
    [
      new AuthenticationError(400, { error: "invalid_client", error_description: "the secret has expired" }),
      { name: "AuthenticationError", statusCode: 400 },
    ],
    [new CredentialUnavailableError("no secret"), { name: "CredentialUnavailableError" }],
    [Object.assign(new Error("connect"), { code: "ECONNREFUSED" }), { name: "Error", code: "ECONNREFUSED" }],
  ] as const)
    it(`keeps what tells its kind, and leaves the caught one as it is: ${facts.name}`, () => {
      const { message } = caught;
      const said = reworded(caught, (words) => `tenant: ${words}`);
      assert.ok(said instanceof Error);
      assert.deepEqual([said.message, said.cause, caught.message], [`tenant: ${message}`, caught, message]);
      for (const [fact, value] of Object.entries(facts)) assert.equal(Reflect.get(said, fact), value);
    });

  it("returns what is no error as it is", () => {
    assert.equal(
      reworded("a text", () => "another"),
      "a text",
    );
  });
});
