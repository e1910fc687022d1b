import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type AzureFixture, PATIENCE_MS, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";
import { call } from "./call.ts";

describe("the wire", () => {
  let azure: AzureFixture;
  let ca = "";
  let base = "";
  before(async () => {
    const twins = ["twin-1", "twin-2"].map((name) => ({ name, computerName: "twin" }));
    azure = await startAzure({
      virtualMachines: [{ name: "node-a" }, { name: "vm-b", computerName: "Node-B" }, ...twins],
    });
    ca = azure.emulator.caPem ?? "";
    base = `${azure.emulator.url}/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;
  });
  after(() => azure.close());
  const bearer = { authorization: "Bearer any" };

  it("requires a token, except for its own API", async () => {
    const refused = await call(ca, `${base}/disks?api-version=2025-01-02`);
    assert.deepEqual(
      [refused.status, (refused.body as { error: { code: string } }).error.code],
      [401, "AuthenticationFailed"],
    );
    assert.match(
      String(refused.headers["www-authenticate"]),
      /^Bearer authorization_uri="https:\/\/localhost:\d+\/[\da-f-]{36}", /,
    );
    assert.match(String(refused.headers["x-ms-request-id"]), /^[0-9a-f-]{36}$/);
    assert.equal((await call(ca, `${azure.emulator.url}/emulator/v1/health`)).status, 200);
  });

  it("finds a resource in any case, and answers in its first case with common headers", async () => {
    const answer = await call(
      ca,
      `${base.toUpperCase().replace("HTTPS", "https").replace("LOCALHOST", "localhost")}/VIRTUALMACHINES/NODE-A?API-Version=2025-04-01`,
      {
        headers: { ...bearer, "x-ms-client-request-id": "my-call" },
      },
    );
    assert.equal(answer.status, 200);
    assert.equal((answer.body as { name: string }).name, "node-a");
    assert.deepEqual([answer.headers["etag"], answer.headers["x-ms-client-request-id"]], ['"1"', "my-call"]);
    for (const name of [
      "x-ms-request-id",
      "x-ms-correlation-request-id",
      "x-ms-ratelimit-remaining-subscription-reads",
      "x-ms-ratelimit-remaining-resource",
    ]) {
      assert.ok(answer.headers[name] !== undefined, name);
    }
    assert.match(String(answer.headers["x-ms-routing-request-id"]), /^EMULATOR:\d{8}T\d{6}Z:[0-9a-f-]{36}$/);
  });

  it("takes only JSON of up to 4 MiB, with or without a byte order mark", async () => {
    const disk = `${base}/disks/marked?api-version=2025-01-02`;
    const body = JSON.stringify({
      location: "eastus",
      properties: { creationData: { createOption: "Empty" }, diskSizeGB: 8 },
    });
    const put = async (text: string, contentType?: string): Promise<readonly [number, unknown]> => {
      const headers = { ...bearer, ...(contentType === undefined ? {} : { "content-type": contentType }) };
      const { status, body: answer } = await call(ca, disk, { method: "PUT", headers, body: text });
      return [status, (answer as { error?: { code: string; message: string } }).error];
    };
    assert.deepEqual(await put(body, "application/x-www-form-urlencoded"), [
      415,
      {
        code: "UnsupportedMediaType",
        message:
          "The content media type 'application/x-www-form-urlencoded' is not supported. Only " +
          "'application/json' is supported.",
      },
    ]);
    assert.match(JSON.stringify(await put(body, "")), /^\[415.*media type '<null>' is not supported/);
    const large = JSON.stringify({ location: "eastus", tags: { large: "x".repeat(4 * 1024 * 1024) } });
    assert.deepEqual(await put(large), [
      413,
      {
        code: "RequestContentTooLarge",
        message: "The request content size exceeds the maximum size of 4 MB.",
      },
    ]);
    assert.match(JSON.stringify(await put("{")), /^\[400.*"InvalidRequestContent"/);
    const nested = `${'{"properties":'.repeat(100_000)}1${"}".repeat(100_000)}`;
    assert.match(JSON.stringify(await put(nested)), /^\[400.*The reader's MaxDepth of 64 has been exceeded/);
    assert.equal((await put(`\uFEFF${body}`, "text/json; charset=utf-8"))[0], 202);
    const start = `${base}/virtualMachines/twin-1/start?api-version=2025-04-01`;
    assert.equal((await call(ca, start, { method: "POST", headers: bearer })).status, 202);
  });

  it("answers whatever the client calls its host", async () => {
    const headers = { ...bearer, host: "[" };
    const url = `${base}/virtualMachines/node-a?api-version=2025-04-01`;
    assert.equal((await call(ca, url, { headers })).status, 200);
  });

  it("answers with the correlation id of a call that has one", async () => {
    const correlation = "0d1e2f3a-0000-4000-8000-00000000000a";
    const answered = async (path: string, id: string): Promise<unknown> => {
      const headers = { ...bearer, "x-ms-correlation-request-id": id };
      const answer = await call(ca, `${base}/${path}?api-version=2025-04-01`, { headers });
      assert.notEqual(answer.headers["x-ms-request-id"], id);
      return answer.headers["x-ms-correlation-request-id"];
    };
    for (const path of ["virtualMachines/node-a", "virtualMachines/none", "nothing/here"])
      assert.equal(await answered(path, correlation), correlation, path);
    assert.match(String(await answered("virtualMachines/node-a", "no id")), /^[0-9a-f-]{36}$/);
  });

  it("breaks the connection or delays the response where a fault requests it", async () => {
    const { faults } = azure.emulator.model;
    const patch = (tag: string): ReturnType<typeof call> =>
      call(ca, `${base}/virtualMachines/node-a?api-version=2025-04-01`, {
        method: "PATCH",
        headers: bearer,
        body: JSON.stringify({ tags: { tag } }),
      });
    const tag = async (): Promise<string | undefined> =>
      (
        (await call(ca, `${base}/virtualMachines/node-a?api-version=2025-04-01`, { headers: bearer }))
          .body as { tags?: { tag: string } }
      ).tags?.tag;
    const { world } = azure.emulator.model;
    world.settings = { ...world.settings, concurrentVmWrite: "preempt" };
    faults.add({ operation: "VirtualMachines_Update", times: 1, effect: { kind: "DropRequest" } });
    await assert.rejects(patch("dropped before"), { code: "ECONNRESET" });
    assert.equal(await tag(), undefined);
    faults.add({ operation: "VirtualMachines_Update", times: 1, effect: { kind: "DropResponse" } });
    await assert.rejects(patch("dropped after"), { code: "ECONNRESET" });
    assert.equal(await tag(), "dropped after");
    // A hundred seconds of Azure's time, at a thousandth.
    faults.add({
      operation: "VirtualMachines_Update",
      times: 1,
      effect: { kind: "DelayResponse", delayMs: 100_000 },
    });
    const beganMs = performance.now();
    const late = patch("late");
    while ((await tag()) !== "late")
      assert.ok(performance.now() - beganMs < PATIENCE_MS, "the work is done at once");
    assert.equal((await late).status, 200);
    assert.ok(performance.now() - beganMs >= 95);
  });

  it("answers what az asks first: tenants, subscriptions, their regions and providers", async () => {
    const get = async (path: string): Promise<Record<string, unknown>> => {
      const url = `${azure.emulator.url}${path}?api-version=2022-12-01`;
      return (await call(ca, url, { headers: bearer })).body as Record<string, unknown>;
    };
    const own = `/subscriptions/${SUBSCRIPTION_ID}`;
    const [tenant] = (await get("/tenants"))["value"] as { tenantId: string }[];
    const all = (await get("/subscriptions"))["value"] as Record<string, unknown>[];
    assert.deepEqual(
      all.map(({ id, state, tenantId }) => [id, state, tenantId]),
      [[own, "Enabled", tenant?.tenantId]],
    );
    assert.deepEqual(await get(own.toUpperCase()), all[0]);
    const regions = (await get(`${own}/locations`))["value"] as { name: string; displayName: string }[];
    assert.equal(regions.find(({ name }) => name === "eastus")?.displayName, "East US");
    assert.equal((await get(`${own}/providers/Microsoft.Compute`))["registrationState"], "Registered");
    const none = (await get("/subscriptions/00000000-0000-0000-0000-00000000dead"))["error"];
    assert.equal((none as { code: string }).code, "SubscriptionNotFound");
  });

  it("reports all of its addresses to clients that only have its URL", async () => {
    const listed = await call(ca, `${azure.emulator.url}/metadata/endpoints?api-version=2019-05-01`);
    assert.deepEqual(
      (listed.body as { resourceManager: string }[]).map((cloud) => cloud.resourceManager),
      [`${azure.emulator.url}/`],
    );
    for (const path of ["/metadata/endpoints", "//metadata/endpoints"]) {
      const one = await call(ca, `${azure.emulator.url}${path}?api-version=2022-09-01`);
      assert.equal((one.body as { resourceManager: string }).resourceManager, `${azure.emulator.url}/`);
    }
    const older = (await call(ca, `${azure.emulator.url}/metadata/endpoints?api-version=2015-01-01`))
      .body as { authentication: { loginEndpoint: string } };
    assert.equal(older.authentication.loginEndpoint, `${azure.emulator.url}/`);
    const discovered = (await call(ca, `${azure.emulator.url}/common/discovery/instance?api-version=1.1`))
      .body as { tenant_discovery_endpoint: string };
    assert.equal(
      discovered.tenant_discovery_endpoint,
      `${azure.emulator.url}/common/v2.0/.well-known/openid-configuration`,
    );
    const openId = await call(ca, `${azure.emulator.url}/some-tenant/v2.0/.well-known/openid-configuration`);
    assert.equal(
      (openId.body as { token_endpoint: string }).token_endpoint,
      `${azure.emulator.url}/some-tenant/oauth2/v2.0/token`,
    );
  });

  // Terraform's azurerm asks for these two before anything else, and Pulumi's azure-native for the first.
  it("has what Terraform signs in with: Microsoft Graph, and the object of the client", async () => {
    const { url } = azure.emulator;
    const cloud = (await call(ca, `${url}/metadata/endpoints?api-version=2022-09-01`)).body as {
      readonly name: string;
      readonly microsoftGraphResourceId: string;
    };
    assert.equal(cloud.name, "AzureCloud");
    const clientId = "0d1e2f3a-0000-4000-8000-00000000000c";
    const form = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId,
      client_secret: "any",
      scope: `${cloud.microsoftGraphResourceId}.default`,
    });
    const { body } = await call(ca, `${url}/some-tenant/oauth2/v2.0/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: form.toString(),
    });
    const [, claims = ""] = (body as { readonly access_token: string }).access_token.split(".");
    const { appid, oid, tid } = JSON.parse(Buffer.from(claims, "base64url").toString()) as {
      readonly [claim: string]: unknown;
    };
    assert.deepEqual([appid, oid, tid], [clientId, clientId, "some-tenant"]);
  });

  it("reports a VM's own metadata under an address of its own", async () => {
    const imds = `${azure.emulator.url}/emulator/v1/imds/node-a/metadata/instance`;
    assert.equal((await call(ca, `${imds}?api-version=2021-10-01`)).status, 400);
    const headers = { Metadata: "true" };
    assert.equal((await call(ca, imds, { headers })).status, 400);
    const document = (await call(ca, `${imds}?api-version=2021-10-01&format=json`, { headers })).body as {
      compute: Record<string, unknown>;
    };
    assert.deepEqual(
      [document.compute["name"], document.compute["zone"], document.compute["vmSize"]],
      ["node-a", "", "Standard_D8s_v5"],
    );
  });

  it("finds a VM's metadata by its host name, unless several VMs have it", async () => {
    const nameAt = async (host: string): Promise<unknown> => {
      const imds = `${azure.emulator.url}/emulator/v1/imds/${host}/metadata/instance/compute`;
      const asked = await call(ca, `${imds}?api-version=2021-10-01`, { headers: { Metadata: "true" } });
      const { name, error } = asked.body as { readonly name?: string; readonly error?: string };
      return name ?? error;
    };
    assert.deepEqual(
      [await nameAt("node-b"), await nameAt("vm-b"), await nameAt("twin"), await nameAt("none")],
      [
        "vm-b",
        "vm-b",
        "several virtual machines have the host name 'twin'",
        "no virtual machine 'none', and none with that host name",
      ],
    );
  });

  it("gives no token for an incomplete request", async () => {
    const token = `${azure.emulator.url}/tenant/oauth2/v2.0/token`;
    const complete = "grant_type=client_credentials&client_id=a&client_secret=b";
    const asked = async (body: string): Promise<unknown> =>
      ((await call(ca, token, { method: "POST", body })).body as { error?: string }).error;
    assert.deepEqual(
      [
        await asked("grant_type=password"),
        await asked("grant_type=client_credentials"),
        await asked("grant_type=client_credentials&client_id=a"),
        await asked(complete),
        await asked(`${complete}&scope=https://other.example/.default`),
        await asked(`${complete}&scope=openid https://management.azure.com/.default`),
        await asked(`${complete}&resource=https://management.core.windows.net/`),
      ],
      [
        "unsupported_grant_type",
        "invalid_request",
        "invalid_client",
        "invalid_request",
        "invalid_resource",
        undefined,
        undefined,
      ],
    );
    const imds = `${azure.emulator.url}/metadata/identity/oauth2/token?resource=https://management.azure.com/`;
    assert.deepEqual(
      [(await call(ca, imds)).status, (await call(ca, imds, { headers: { Metadata: "true" } })).status],
      [400, 200],
    );
  });
});
