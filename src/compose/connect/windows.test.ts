import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WrongSetting } from "../settings/wrong-setting.ts";
import { unixSocketsOf } from "./grpc.ts";
import { checkRegistration } from "./registration.ts";

describe("the node role's connections on Windows", () => {
  it("are made by Winsock, which is not looked for elsewhere", async () => {
    assert.equal(await unixSocketsOf("linux"), undefined);
    await assert.rejects(unixSocketsOf("win32"), /Failed to load shared library/u);
  });

  it("leave the registration to node-driver-registrar", () => {
    const values = { registrationSocket: "C:\\csi\\reg.sock" };
    checkRegistration(values, "linux");
    checkRegistration({ registrationSocket: undefined }, "win32");
    assert.throws(
      () => checkRegistration(values, "win32"),
      (error) => error instanceof WrongSetting && /expected none on Windows/u.test(error.message),
    );
  });
});
