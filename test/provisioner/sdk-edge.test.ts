import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { ClientSecretCredential, type TokenCredential } from "@azure/identity";
import { createSdkArmApi, type SdkArmApiOptions } from "../../src/adapters/azure-sdk/sdk-arm-api.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { aSnapshotRequest } from "../../src/controller/testing/a-snapshot-request.ts";
import { createTlsMaterial } from "../../src/emulator/http/tls.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { ArmApi } from "../../src/provisioner/arm/arm-api.ts";
import { classOf } from "../../src/provisioner/arm/error-table.ts";
import { createAzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";

const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
const name = {
  subscriptionId: SUBSCRIPTION_ID,
  resourceGroup: "rg",
  name: "node-a",
  clientRequestId: "correlation-1",
};
const TENANT_ID = "00000000-0000-0000-0000-0000000000aa";
const never = new AbortController().signal;
/** The SDK tries to renew a token every three seconds, and for the last time once it has ended. */
const SDK_GIVES_UP_MS = 3_500;

interface Edge {
  readonly arm: ArmApi;
  readonly url: string;
  readonly requests: readonly IncomingMessage[];
}

/** Runs `test` against a server with scripted responses: recorded ones of Azure, or broken networks. */
async function atEdge(
  answer: (request: IncomingMessage, response: ServerResponse, url: string) => void,
  test: (edge: Edge) => Promise<void>,
  options: {
    readonly getToken?: () => Promise<{ token: string; expiresOnTimestamp: number }>;
    /** Default: one with `getToken`. */
    readonly credentialAt?: (authority: string, caPem: string) => TokenCredential;
    readonly auxiliaryCredentials?: SdkArmApiOptions["auxiliaryCredentials"];
    readonly clock?: Clock;
    readonly requestTimeoutMs?: number;
    readonly userAgent?: string;
  } = {},
): Promise<void> {
  const tls = await createTlsMaterial(["localhost"]);
  const requests: IncomingMessage[] = [];
  let url = "";
  const server = createServer({ key: tls.keyPem, cert: tls.certPem }, (request, response) => {
    requests.push(request);
    answer(request, response, url);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "localhost", resolve);
  });
  url = `https://localhost:${(server.address() as AddressInfo).port}`;
  const arm = createSdkArmApi({
    credential: options.credentialAt?.(url, tls.caPem) ?? {
      getToken:
        options.getToken ??
        (() => Promise.resolve({ token: "test", expiresOnTimestamp: Number.MAX_SAFE_INTEGER })),
    },
    auxiliaryCredentials: options.auxiliaryCredentials ?? [],
    subscriptionId: SUBSCRIPTION_ID,
    endpoint: url,
    caPem: tls.caPem,
    clock: options.clock ?? systemClock,
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
    userAgent: options.userAgent,
  });
  try {
    await test({ arm, url, requests });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  }
}

/** Polls go to the test's server. */
function atOrigin(arm: ArmApi, origin: string): ArmApi {
  return {
    ...arm,
    pollOperation: (request, signal) => {
      const { operation } = request;
      const pollUrl = operation.pollUrl?.replace("https://localhost", origin);
      return arm.pollOperation({ ...request, operation: { ...operation, pollUrl } }, signal);
    },
  };
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "x-ms-request-id": "request-1",
    ...headers,
  });
  response.end(JSON.stringify(body));
}

/** The disk or snapshot of that path. */
function resourceAt(path: string): unknown {
  return {
    id: path,
    name: path.slice(path.lastIndexOf("/") + 1),
    location: "eastus",
    sku: { name: "Premium_LRS" },
    properties: {
      provisioningState: "Succeeded",
      diskSizeGB: 4,
      incremental: true,
      timeCreated: "2026-11-26T00:00:00Z",
      creationData: path.includes("/snapshots/")
        ? { createOption: "Copy", sourceResourceId: "disk" }
        : { createOption: "Empty" },
    },
  };
}

/** What an authority says of itself. */
function authorityAt(url: string): unknown {
  return {
    issuer: `${url}/${TENANT_ID}/v2.0`,
    authorization_endpoint: `${url}/${TENANT_ID}/oauth2/v2.0/authorize`,
    token_endpoint: `${url}/${TENANT_ID}/oauth2/v2.0/token`,
    jwks_uri: `${url}/${TENANT_ID}/discovery/v2.0/keys`,
  };
}

describe("ArmApi over the SDK", () => {
  it("outlives a token that could not be renewed before its end", async () => {
    const beganAtMs = Date.now();
    const expiresOnTimestamp = beganAtMs + 2_000;
    let signIns = 0;
    let isDown = true;
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      await atEdge(
        (_request, response) => json(response, 200, { value: [] }),
        async ({ arm }) => {
          const list = (): ReturnType<ArmApi["listDisks"]> => arm.listDisks(name, never);
          // The first call signs in, and the second one finds the token near its end.
          for (let call = 0; call < 2; call++) assert.ok((await list()).result.ok);
          while (Date.now() < beganAtMs + SDK_GIVES_UP_MS) await systemClock.sleep(50, never);
          assert.deepEqual(unhandled, []);
          const { result } = await list();
          assert.match(result.ok ? "" : result.failure.message, /the authority is down/u);
          isDown = false;
          assert.ok((await list()).result.ok);
        },
        {
          getToken: async () => {
            signIns += 1;
            if (signIns > 1 && isDown) throw new Error("the authority is down");
            return { token: "test", expiresOnTimestamp };
          },
        },
      );
    } finally {
      process.off("unhandledRejection", note);
    }
  });

  it("outlives an authority that accepts a sign-in and never answers", { timeout: 30_000 }, async () => {
    const clock = createVirtualClock();
    const firstSignIn = Promise.withResolvers<void>();
    let isHung = true;
    const listed: string[] = [];
    await atEdge(
      (request, response, url) => {
        const path = request.url ?? "";
        if (path.startsWith("/subscriptions/")) {
          listed.push(path);
          json(response, 200, { value: [] });
        } else if (isHung) firstSignIn.resolve();
        else if (path.includes("/.well-known/")) json(response, 200, authorityAt(url));
        else json(response, 200, { token_type: "Bearer", expires_in: 3600, access_token: "token" });
      },
      async ({ arm }) => {
        const caller = new AbortController();
        const first = arm.listDisks(name, caller.signal);
        await firstSignIn.promise;
        caller.abort();
        const cancelled = (await first).result;
        assert.equal(cancelled.ok ? "" : cancelled.failure.code, "Cancelled");
        // It joins the sign-in of the first one, or begins the next one.
        let isOver = false;
        const second = arm.listDisks(name, never).finally(() => (isOver = true));
        while (!isOver) {
          assert.ok(clock.elapsedMs() < 3_600_000, "the call waits for an hour");
          await clock.advance(1_000);
        }
        const { result } = await second;
        assert.deepEqual(
          result.ok ? undefined : [result.failure.statusCode, result.failure.code, result.failure.message],
          [0, "NoAnswer", "no answer to the sign-in within 30 s"],
        );
        isHung = false;
        assert.ok((await arm.listDisks(name, never)).result.ok);
        assert.equal(listed.length, 1, "a call was sent after its end");
      },
      {
        clock,
        credentialAt: (authorityHost, ca) =>
          new ClientSecretCredential(TENANT_ID, "client", "secret", {
            authorityHost,
            disableInstanceDiscovery: true,
            tlsOptions: { ca },
          }),
      },
    );
  });

  it("names the auxiliary tenant whose sign-in gets no answer", { timeout: 30_000 }, async () => {
    const clock = createVirtualClock();
    const begun = Promise.withResolvers<void>();
    const getToken = (): Promise<null> => {
      begun.resolve();
      return Promise.withResolvers<null>().promise;
    };
    await atEdge(
      (_request, response) => json(response, 200, { value: [] }),
      async ({ arm, requests }) => {
        const call = arm.listDisks(name, never);
        await begun.promise;
        await clock.advance(30_000);
        const { result } = await call;
        assert.equal(
          result.ok ? "" : result.failure.message,
          "auxiliaryTenantIDs other: no answer to the sign-in within 30 s",
        );
        assert.equal(requests.length, 0);
      },
      { clock, auxiliaryCredentials: [{ tenantId: "other", credential: { getToken } }] },
    );
  });

  it("keeps all parts of an error, from status and code to Retry-After and request id", async () => {
    const body = {
      error: {
        code: "OperationNotAllowed",
        message: "The server rejected the request.",
        target: "dataDisks",
        details: [{ code: "TooManyRequests", target: "UpdateVMResource", message: "m" }],
        innererror: { internalErrorCode: "Inner" },
      },
    };
    await atEdge(
      (_request, response) =>
        json(response, 429, body, {
          "retry-after": "7",
          "x-ms-ratelimit-remaining-resource":
            "Microsoft.Compute/UpdateVMResource;0,Microsoft.Compute/UpdateVMSubscriptionMaximum;1497",
          "x-ms-ratelimit-remaining-subscription-writes": "199",
          "x-ms-ratelimit-remaining-subscription-global-writes": "2999",
        }),
      async ({ arm, requests }) => {
        assert.deepEqual(await arm.startVmUpdate({ ...name, change: {}, ifMatch: '"1"' }, never), {
          result: {
            ok: false,
            failure: {
              statusCode: 429,
              code: "OperationNotAllowed",
              message: "The server rejected the request.",
              target: "dataDisks",
              details: [{ code: "TooManyRequests", target: "UpdateVMResource", message: "m" }],
              internalErrorCode: "Inner",
              retryAfterMs: 7000,
              requestId: "request-1",
            },
          },
          remaining: [
            { policy: "UpdateVMResource", remaining: 0 },
            { policy: "UpdateVMSubscriptionMaximum", remaining: 1497 },
            { policy: "subscription-writes", remaining: 199 },
            { policy: "subscription-global-writes", remaining: 2999 },
          ],
        });
        assert.equal(requests.length, 1, "the SDK repeated the call");
      },
    );
  });

  it("sends the condition, the correlation id, and an empty update as such", async () => {
    const bodies: string[] = [];
    await atEdge(
      (request, response) => {
        request.on("data", (chunk: Buffer) => bodies.push(chunk.toString()));
        request.on("end", () => json(response, 200, {}));
      },
      async ({ arm, requests }) => {
        await arm.startVmUpdate({ ...name, change: {}, ifMatch: '"12"' }, never);
        assert.equal(requests[0]?.method, "PATCH");
        assert.equal(requests[0]?.headers["if-match"], '"12"');
        assert.equal(requests[0]?.headers["x-ms-client-request-id"], "correlation-1");
        assert.deepEqual(bodies, ["{}"]);
      },
    );
  });

  it("puts a class's userAgent before the driver's own in what it makes", async () => {
    const made = new Set<string>();
    await atEdge(
      (request, response) => {
        const path = request.url?.split("?")[0] ?? "";
        if (request.method === "PUT") made.add(path);
        if (!made.has(path))
          return json(response, 404, { error: { code: "ResourceNotFound", message: "m" } });
        return json(response, 200, resourceAt(path));
      },
      async ({ arm, requests }) => {
        const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: "rg", location: "eastus" };
        const cloud = createAzureCloudProvisioner({
          arm,
          clock: systemClock,
          random: createSeededRandom(1),
          place,
          lifetime: never,
        });
        const provider = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;
        const sourceUri = `${provider}/disks/with`;
        for (const [name, userAgent] of [
          ["with", "pid-1"],
          ["without", undefined],
        ] as const) {
          const disk = { diskName: name, sizeGiB: 4, skuName: "Premium_LRS", maxShares: 1, tags: {} };
          const created = await cloud.createDisk(
            { ...disk, userAgent, precondition: async () => true },
            never,
          );
          assert.ok(created.ok, JSON.stringify(created));
          const taken = await cloud.createSnapshot(
            aSnapshotRequest({ snapshotUri: `${provider}/snapshots/${name}`, sourceUri, userAgent }),
            never,
          );
          assert.ok(taken.ok, JSON.stringify(taken));
        }
        const agentsOf = (method: string): readonly string[] =>
          requests.flatMap((sent) => (sent.method === method ? [sent.headers["user-agent"] ?? ""] : []));
        const puts = agentsOf("PUT");
        assert.deepEqual(puts.slice(0, 2), Array(2).fill("pid-1 ours/2.0 of us"));
        assert.equal(puts.length, 4);
        for (const agent of puts.slice(2)) assert.match(agent, /^ours\/2\.0 of us azsdk-js/u);
        for (const agent of agentsOf("GET")) assert.match(agent, /^ours\/2\.0 of us azsdk-js/u);
      },
      { userAgent: "ours/2.0 of us" },
    );
  });

  for (const { status, error, expected } of [
    {
      status: "Canceled",
      error: {
        code: "OperationPreempted",
        message: "Operation execution has been preempted by a more recent operation.",
      },
      expected: "canceled",
    },
    {
      status: "Failed",
      error: { code: "InternalExecutionError", message: "An internal execution error occurred." },
      expected: "failed",
    },
  ]) {
    it(`keeps the code of an operation that ends ${status}, which the SDK's poller loses`, async () => {
      await atEdge(
        (request, response, url) => {
          if (request.method === "PATCH")
            json(
              response,
              200,
              { properties: { provisioningState: "Updating" } },
              { "azure-asyncoperation": `${url}/operations/1?api-version=1&t=opaque%2Bsigned` },
            );
          else json(response, 200, { status, error, name: "1" });
        },
        async ({ arm, url, requests }) => {
          const started = await arm.startVmUpdate({ ...name, change: {}, ifMatch: '"1"' }, never);
          assert.deepEqual(started.result, {
            ok: true,
            value: {
              pollUrl: `${url}/operations/1?api-version=1&t=opaque%2Bsigned`,
              kind: "vm",
              retryAfterMs: undefined,
            },
          });
          assert.ok(started.result.ok);
          const polled = await arm.pollOperation(
            { operation: started.result.value, clientRequestId: "correlation-1" },
            never,
          );
          assert.ok(
            polled.result.ok && polled.result.value.state === expected && "error" in polled.result.value,
          );
          assert.deepEqual(
            { code: polled.result.value.error.code, message: polled.result.value.error.message },
            error,
          );
          assert.equal(requests[1]?.url, "/operations/1?api-version=1&t=opaque%2Bsigned");
        },
      );
    });
  }

  // A VM that is no instance refuses the disk's performance, which it shows: azuredisk-csi-driver#3403.
  it("writes a list of data disks back as read, but for the performance of the disks", async () => {
    const performance = { diskIOPSReadWrite: 500, diskMBpsReadWrite: 60 };
    const dataDisks = [
      {
        lun: 0,
        name: "a",
        createOption: "Attach",
        caching: "ReadOnly",
        writeAcceleratorEnabled: true,
        managedDisk: { id: "/x", storageAccountType: "Premium_LRS", diskEncryptionSet: { id: "/y" } },
        deleteOption: "Delete",
        diskSizeGB: 64,
        toBeDetached: false,
      },
    ];
    let sent = "";
    await atEdge(
      (request, response) => {
        if (request.method === "GET")
          json(response, 200, {
            id: "/vm",
            name: "node-a",
            location: "eastus",
            etag: '"1"',
            properties: {
              vmId: "00000000-0000-0000-0000-000000000ABC",
              provisioningState: "Succeeded",
              storageProfile: { dataDisks: dataDisks.map((entry) => ({ ...entry, ...performance })) },
            },
          });
        request.on("data", (chunk: Buffer) => (sent += chunk.toString()));
        request.on("end", () => request.method === "PATCH" && json(response, 200, {}));
      },
      async ({ arm }) => {
        const read = await arm.getVm({ ...name, instanceView: false }, never);
        assert.ok(read.result.ok);
        assert.equal(read.result.value.vmId, "00000000-0000-0000-0000-000000000abc");
        await arm.startVmUpdate(
          { ...name, change: { dataDisks: read.result.value.dataDisks }, ifMatch: '"1"' },
          never,
        );
        assert.deepEqual(
          (JSON.parse(sent) as { properties: { storageProfile: { dataDisks: unknown } } }).properties
            .storageProfile.dataDisks,
          dataDisks,
        );
      },
    );
  });

  for (const { because, answer } of [
    { because: "the connection breaks", answer: (request: IncomingMessage) => request.socket.destroy() },
    { because: "no answer comes", answer: () => undefined },
    {
      because: "the body stalls after the headers",
      answer: (_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write("{");
      },
    },
  ]) {
    it(`answers that the outcome is unknown when ${because}`, async () => {
      await atEdge(
        answer,
        async ({ arm }) => {
          const read = await arm.getVm({ ...name, instanceView: false }, never);
          assert.ok(!read.result.ok);
          assert.equal(read.result.failure.statusCode, 0);
          assert.equal(read.result.failure.code, "NoAnswer");
        },
        { requestTimeoutMs: 200 },
      );
    });
  }

  const calls: readonly { readonly what: string; readonly make: (arm: ArmApi) => Promise<unknown> }[] = [
    { what: "a read", make: (arm) => arm.getVm({ ...name, instanceView: false }, never) },
    { what: "an update", make: (arm) => arm.startVmUpdate({ ...name, change: {}, ifMatch: '"1"' }, never) },
    { what: "a deletion", make: (arm) => arm.startDiskDelete(name, never) },
    {
      what: "a poll",
      make: (arm) => {
        const path = `/subscriptions/${SUBSCRIPTION_ID}/providers/Microsoft.Compute/locations/eastus/operations/x?api-version=2025-04-01`;
        return arm.pollOperation(
          {
            operation: { pollUrl: `https://localhost${path}`, kind: "vm", retryAfterMs: undefined },
            clientRequestId: "any",
          },
          never,
        );
      },
    },
  ];
  for (const { what, make } of calls) {
    it(`sends ${what} once, whatever the answer: the driver decides on retries`, async () => {
      const error = { error: { code: "Busy", message: "later" } };
      const answers: readonly ((request: IncomingMessage, response: ServerResponse) => void)[] = [
        (_request, response) => json(response, 500, error),
        (_request, response) => json(response, 503, error, { "retry-after": "0" }),
        (_request, response) => json(response, 429, error, { "retry-after": "0", "retry-after-ms": "1" }),
        (request) => void request.socket.destroy(),
      ];
      for (const answer of answers) {
        await atEdge(answer, async ({ arm, url, requests }) => {
          await make(atOrigin(arm, url));
          assert.equal(requests.length, 1);
        });
      }
    });
  }

  it("distinguishes a proxy's page from an answer of ARM", async () => {
    await atEdge(
      (_request, response) => {
        response.writeHead(502, { "content-type": "text/html" });
        response.end("<html>Bad Gateway</html>");
      },
      async ({ arm }) => {
        const read = await arm.getDisk(name, never);
        assert.ok(!read.result.ok);
        assert.deepEqual(
          {
            statusCode: read.result.failure.statusCode,
            code: read.result.failure.code,
            message: read.result.failure.message,
          },
          { statusCode: 502, code: "HTTP502", message: "<html>Bad Gateway</html>" },
        );
      },
    );
  });

  for (const { because, status = 200, headers = { "content-type": "text/html" }, body } of [
    { because: "a proxy's page of status 200", body: "<html>Sign in</html>" },
    {
      because: "truncated JSON",
      headers: { "content-type": "application/json" },
      body: '{"id":"/disk","pro',
    },
    { because: "no body", body: "" },
    {
      because: "a redirect to another host",
      status: 302,
      headers: { location: "https://proxy.test/" },
      body: "",
    },
    { because: "a resource without members", headers: {}, body: "{}" },
  ])
    it(`takes ${because} for no answer`, async () => {
      await atEdge(
        (_request, response) => response.writeHead(status, headers).end(body),
        async ({ arm }) => {
          const reads = [
            arm.getDisk(name, never),
            arm.listDisks(name, never),
            arm.getSnapshot(name, never),
            arm.getVm({ ...name, instanceView: true }, never),
          ];
          for (const { result } of await Promise.all(reads))
            assert.equal(result.ok ? "ok" : classOf(result.failure), "lost");
        },
      );
    });

  for (const { because, status, body } of [
    { because: "a proxy's page", status: 200, body: "<html>Sign in</html>" },
    { because: "an operation whose end is shown nowhere", status: 202, body: "" },
  ])
    it(`does not take ${because} for the end of a deletion`, async () => {
      await atEdge(
        (_request, response) => response.writeHead(status).end(body),
        async ({ arm }) => {
          const { result } = await arm.startDiskDelete(name, never);
          assert.equal(result.ok ? "ok" : classOf(result.failure), "lost");
        },
      );
    });

  it("ends with its caller's signal", async () => {
    const caller = new AbortController();
    await atEdge(
      () => caller.abort(new Error("deadline")),
      async ({ arm }) => {
        const read = await arm.getDisk(name, caller.signal);
        assert.ok(!read.result.ok);
        assert.equal(read.result.failure.code, "Cancelled");
      },
    );
  });

  for (const { because, error, statusCode } of [
    {
      because: "the identity is refused",
      error: Object.assign(new Error("AADSTS7000215: Invalid client secret provided."), {
        name: "AuthenticationError",
        statusCode: 401,
      }),
      statusCode: 401,
    },
    {
      because: "there is no identity",
      error: Object.assign(new Error("ManagedIdentityCredential: no identity"), {
        name: "CredentialUnavailableError",
      }),
      statusCode: 401,
    },
    {
      because: "the token service can't be reached",
      error: Object.assign(new Error("network_error: getaddrinfo ENOTFOUND"), {
        name: "AuthenticationError",
      }),
      statusCode: 0,
    },
    {
      because: "the token service is busy",
      error: Object.assign(new Error("too many requests"), { name: "AuthenticationError", statusCode: 429 }),
      statusCode: 0,
    },
  ]) {
    it(`answers ${statusCode === 0 ? "unknown" : "forbidden"} when ${because}`, async () => {
      await atEdge(
        (_request, response) => json(response, 200, {}),
        async ({ arm, requests }) => {
          const read = await arm.getDisk(name, never);
          assert.ok(!read.result.ok);
          assert.equal(read.result.failure.statusCode, statusCode);
          assert.equal(requests.length, 0);
        },
        { getToken: () => Promise.reject(error) },
      );
    });
  }
});
