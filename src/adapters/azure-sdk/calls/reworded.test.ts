import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuthenticationError, CredentialUnavailableError } from "@azure/identity";
import { reworded } from "./reworded.ts";

describe("an error in other words", () => {
  it("keeps what tells its kind, and leaves the caught one as it is", () => {
    const caught = [
      new AuthenticationError(400, { error: "invalid_client", error_description: "the secret has expired" }),
      new CredentialUnavailableError("no secret"),
      Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
    ];
    for (const error of caught) {
      const { message } = error;
      const said = reworded(error, (words) => `tenant: ${words}`);
      assert.ok(said instanceof Error);
      assert.deepEqual({ ...said, name: said.name }, { ...error, name: error.name });
      assert.deepEqual([said.message, said.cause, error.message], [`tenant: ${message}`, error, message]);
    }
  });

  it("returns what is no error as it is", () => {
    assert.equal(
      reworded("a text", () => "another"),
      "a text",
    );
  });
});
