import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { textAt } from "../api/json.ts";
import { type Grant, parseSettings } from "../settings.ts";
import { aModel, COMPUTE, codeOf, diskBody, listBody } from "../testing/model-fixture.ts";

const GROUP = COMPUTE.slice(0, COMPUTE.indexOf("/providers"));
const all = ["Microsoft.Compute/*", "Microsoft.Resources/*"];

/** What Azure answers to a call of a client whose roles have these actions. */
function answer(
  actions: readonly Grant[],
  [method, path, body]: readonly [Parameters<ReturnType<typeof aModel>["send"]>[0], string, unknown?],
): readonly [status: number, code: string | undefined, message: string] {
  const azure = aModel();
  azure.finish("PUT", "disks/pvc-1", diskBody());
  azure.model.world.settings = { ...azure.model.world.settings, permissions: { "*": actions } };
  const { status, body: answered } = azure.send(method, path, body as never);
  return [status, codeOf(answered), textAt(answered, "error", "message") ?? ""];
}

describe("a client's roles in Azure", () => {
  const rows = [
    ["GET", "disks/pvc-1", "Microsoft.Compute/disks/read", `${COMPUTE}/disks/pvc-1`],
    ["GET", "disks", "Microsoft.Compute/disks/read", COMPUTE],
    ["DELETE", "disks/pvc-1", "Microsoft.Compute/disks/delete", `${COMPUTE}/disks/pvc-1`],
    [
      "POST",
      "disks/pvc-1/beginGetAccess",
      "Microsoft.Compute/disks/beginGetAccess/action",
      `${COMPUTE}/disks/pvc-1`,
    ],
    [
      "GET",
      "virtualMachines/node-a/instanceView",
      "Microsoft.Compute/virtualMachines/instanceView/read",
      `${COMPUTE}/virtualMachines/node-a`,
    ],
    ["PATCH", "virtualMachines/node-a", "Microsoft.Compute/virtualMachines/write"],
    [
      "GET",
      "virtualMachineScaleSets/pool/virtualMachines/7",
      "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read",
    ],
    ["GET", GROUP, "Microsoft.Resources/subscriptions/resourceGroups/read", GROUP],
  ] as const;
  for (const [method, path, action, scope = `${COMPUTE}/${path}`] of rows)
    it(`refuses ${method} ${path.slice(path.lastIndexOf("resourceGroups"))} without its action`, () => {
      const call = [method, path, method === "PATCH" ? {} : undefined] as const;
      const [status, code, message] = answer(
        all.filter((each) => !action.startsWith(each.replace("*", ""))),
        call,
      );
      assert.deepEqual([status, code], [403, "AuthorizationFailed"]);
      assert.match(message, new RegExp(`perform action '${action}' over scope '${scope}'`, "u"));
      assert.notEqual(answer([action.toUpperCase()], call)[0], 403, "the action in any case is enough");
    });

  it("are checked on each resource that a write names", () => {
    const copy = diskBody({
      properties: { creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/pvc-1` } },
    });
    const [status, code, message] = answer(["Microsoft.Compute/disks/write"], ["PUT", "disks/copy", copy]);
    assert.deepEqual([status, code], [403, "LinkedAuthorizationFailed"]);
    assert.match(
      message,
      /'Microsoft.Compute\/disks\/beginGetAccess\/action' on the linked scope\(s\) '.*\/disks\/pvc-1'/u,
    );
    const write = ["PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" })] as const;
    assert.deepEqual(
      answer(["Microsoft.Compute/virtualMachines/write"], write)[1],
      "LinkedAuthorizationFailed",
    );
    assert.equal(
      answer(["Microsoft.Compute/virtualMachines/write", "Microsoft.Compute/disks/write"], write)[0],
      200,
    );
  });

  it("count at the scope that they are assigned to, and below", () => {
    const read = ["GET", "disks/pvc-1"] as const;
    const at = (scope: string): number =>
      answer([{ actions: ["Microsoft.Compute/disks/read"], scope }], read)[0];
    const subscription = GROUP.slice(0, GROUP.indexOf("/resourceGroups"));
    assert.deepEqual(
      [GROUP, GROUP.toUpperCase(), `${GROUP}/`, subscription, "/", `${COMPUTE}/disks/pvc-1`].map(at),
      [200, 200, 200, 200, 200, 200],
    );
    assert.deepEqual([GROUP.slice(0, -1), `${COMPUTE}/disks/pvc-2`].map(at), [403, 403]);
    const skus = ["GET", `${subscription}/providers/Microsoft.Compute/skus`] as const;
    const actions = ["Microsoft.Compute/skus/read"];
    assert.equal(answer([{ actions, scope: GROUP }], skus)[1], "AuthorizationFailed");
    assert.equal(answer([{ actions, scope: subscription }], skus)[0], 200);
  });

  it("help nothing against a deny assignment", () => {
    const azure = aModel({ settings: { deniedActions: ["Microsoft.Compute/virtualMachines/write"] } });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const { status, body } = azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.deepEqual([status, codeOf(body)], [403, "DenyAssignmentAuthorizationFailed"]);
  });

  it("are read from settings, whose mistakes are named", () => {
    const permissions = { "*": ["a", { actions: ["b"], scope: "/subscriptions/s" }] };
    assert.deepEqual(parseSettings({ permissions, deniedActions: ["b"] }), {
      ok: true,
      value: { permissions, deniedActions: ["b"] },
    });
    for (const [name, value] of [
      ["permissions", { "*": "a" }],
      ["permissions", []],
      ["permissions", { "*": [{ actions: ["a"] }] }],
      ["deniedActions", "b"],
    ] as const) {
      const parsed = parseSettings({ [name]: value });
      assert.ok(!parsed.ok && parsed.reason.startsWith(`the settings: '${name}`), JSON.stringify(parsed));
    }
  });
});
