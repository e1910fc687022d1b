import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { AzureConfig } from "../../src/adapters/azure-sdk/azure-config.ts";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { answerCloudMetadata } from "../../src/emulator/http/cloud-metadata.ts";
import {
  type HttpAnswer,
  type HttpRequest,
  readRequest,
  writeAnswer,
} from "../../src/emulator/http/http-exchange.ts";
import { createTlsMaterial } from "../../src/emulator/http/tls.ts";
import { answerIdentity } from "../../src/emulator/http/token.ts";
import { createProxyTunnel } from "./proxy-tunnel.ts";

/** Names that only the proxy knows. */
const RESOURCE_MANAGER = "management.cloud.example";
const AUTHORITY = "login.cloud.example";
const place = {
  subscriptionId: "00000000-0000-0000-0000-000000000001",
  resourceGroup: "rg",
  location: "eastus",
};

const sovereign = [
  {
    cloud: "AzureUSGovernmentCloud",
    manager: "management.usgovcloudapi.net",
    authority: "login.microsoftonline.us",
    tokensFrom: "login.microsoftonline.us",
  },
  {
    cloud: "AzureChinaCloud",
    manager: "management.chinacloudapi.cn",
    authority: "login.chinacloudapi.cn",
    // The identity package calls the authority of China by its newer name.
    tokensFrom: "login.partner.microsoftonline.cn",
  },
];

describe("a cluster that reaches Azure through a proxy", () => {
  const servers: Server[] = [];
  const connected: string[] = [];
  let caPem = "";
  let directAuthority = "";
  let audience = "";
  let loginEndpoint: string | undefined;

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await readRequest(message, "https");
    assert.ok(request !== undefined);
    const notThere = { status: 404, body: { error: { code: "ResourceNotFound", message: "no" } } };
    audience = new URLSearchParams(request.bodyText).get("scope")?.split(" ")[0] ?? audience;
    writeAnswer(response, answerIdentity(request) ?? metadataOf(request) ?? notThere);
  };
  const metadataOf = (request: HttpRequest): HttpAnswer | undefined => {
    const known = answerCloudMetadata(request);
    if (known === undefined || loginEndpoint === undefined) return known;
    const audiences = ["https://management.azure.com/"];
    return { status: 200, body: { authentication: { loginEndpoint, audiences } } };
  };
  const listen = async (server: Server): Promise<number> => {
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(0, "localhost", resolve));
    return (server.address() as AddressInfo).port;
  };

  before(async () => {
    const foreign = sovereign.flatMap(({ manager, tokensFrom }) => [manager, tokensFrom]);
    const tls = await createTlsMaterial([RESOURCE_MANAGER, AUTHORITY, ...foreign, "localhost"]);
    ({ caPem } = tls);
    const azure = createHttpsServer(
      { key: tls.keyPem, cert: tls.certPem },
      (message, response) => void answer(message, response),
    );
    const azurePort = await listen(azure);
    directAuthority = `https://localhost:${azurePort}`;
    const proxy = createProxyTunnel(azurePort, (hostAndPort) => void connected.push(hostAndPort));
    process.env["HTTPS_PROXY"] = `http://localhost:${await listen(proxy)}`;
    process.env["NO_PROXY"] = "localhost,127.0.0.1";
  });
  after(async () => {
    delete process.env["HTTPS_PROXY"];
    delete process.env["NO_PROXY"];
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** Of a read of a missing disk: the answer's code, the hosts that the proxy reached, the token's scope. */
  async function read(
    config: AzureConfig,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly code: string; readonly hosts: Set<string>; readonly audience: string }> {
    connected.length = 0;
    audience = "";
    const azure = connectAzure({
      config: { ...place, tenantId: "tenant", aadClientId: "driver", aadClientSecret: "secret", ...config },
      environment: { ...process.env, ...environment },
      caPem,
      clock: systemClock,
    });
    assert.ok(azure.ok);
    const { result } = await azure.value.arm.getDisk(
      { subscriptionId: place.subscriptionId, resourceGroup: "rg", name: "none", clientRequestId: "any" },
      new AbortController().signal,
    );
    return { code: result.ok ? "" : result.failure.code, hosts: new Set(connected), audience };
  }

  it("signs in, learns the audience and calls through it", async () => {
    const { code, hosts } = await read({
      resourceManagerEndpoint: `https://${RESOURCE_MANAGER}`,
      activeDirectoryEndpoint: `https://${AUTHORITY}`,
    });
    assert.equal(code, "ResourceNotFound");
    assert.deepEqual(hosts, new Set([`${RESOURCE_MANAGER}:443`, `${AUTHORITY}:443`]));
  });

  for (const { cloud, manager, authority, tokensFrom } of sovereign) {
    it(`calls ${cloud} where the webhook of workload identity has put its authority`, async () => {
      const { code, hosts, audience } = await read(
        { aadClientId: "driver" },
        {
          AZURE_AUTHORITY_HOST: `https://${authority}/`,
          AZURE_TENANT_ID: "tenant",
          AZURE_FEDERATED_TOKEN_FILE: fileURLToPath(import.meta.url),
        },
      );
      assert.equal(code, "ResourceNotFound");
      assert.deepEqual(hosts, new Set([`${tokensFrom}:443`, `${manager}:443`]));
      assert.equal(audience, `https://${manager}/.default`);
    });

    it(`calls ${cloud} by its name`, async () => {
      const { code, hosts } = await read({ cloud });
      assert.equal(code, "ResourceNotFound");
      assert.deepEqual(hosts, new Set([`${tokensFrom}:443`, `${manager}:443`]));
    });
  }

  it("learns the authority of a private cloud from its resource manager", async () => {
    loginEndpoint = `https://${AUTHORITY}/`;
    const { code, hosts } = await read({ resourceManagerEndpoint: `https://${RESOURCE_MANAGER}` });
    loginEndpoint = undefined;
    assert.equal(code, "ResourceNotFound");
    assert.deepEqual(hosts, new Set([`${RESOURCE_MANAGER}:443`, `${AUTHORITY}:443`]));
  });

  it("reaches the hosts of NO_PROXY without it", async () => {
    const { code, hosts } = await read({
      resourceManagerEndpoint: `https://${RESOURCE_MANAGER}`,
      activeDirectoryEndpoint: directAuthority,
    });
    assert.equal(code, "ResourceNotFound");
    assert.deepEqual(hosts, new Set([`${RESOURCE_MANAGER}:443`]));
  });

  // In a process of its own: the SDK keeps the first metadata service that a process asks.
  it("never asks it for a managed identity's token, which would be the proxy's own", async () => {
    const asked: string[] = [];
    const serve = async (server: Server): Promise<string> => {
      servers.push(server);
      await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    };
    const tokenOf = (name: string): Server =>
      createHttpServer((request, response) => {
        asked.push(`${name} ${new URL(request.url ?? "", "http://metadata").pathname}`);
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ access_token: name, expires_in: "3600", token_type: "Bearer" }));
      });
    const [metadata, proxy] = [await serve(tokenOf("own")), await serve(tokenOf("of the proxy"))];
    const module = new URL("../../src/adapters/azure-sdk/azure-credential.ts", import.meta.url);
    const script = `
      import { createAzureCredential } from "${module.href}";
      const config = { useManagedIdentityExtension: true, userAssignedIdentityID: "id" };
      const made = createAzureCredential({ config, environment: process.env });
      const { token } = await made.value("https://${AUTHORITY}").getToken("https://${RESOURCE_MANAGER}/.default");
      process.stdout.write(token);`;
    const { NO_PROXY: _, ...environment } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...environment, HTTPS_PROXY: proxy, AZURE_POD_IDENTITY_AUTHORITY_HOST: metadata },
    });
    assert.equal(stdout, "own");
    assert.deepEqual(asked, ["own /metadata/identity/oauth2/token/"]);
  });
});
