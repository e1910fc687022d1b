import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { AzureLogger, setLogLevel } from "@azure/logger";
import type { AzureConfig } from "../../src/adapters/azure-sdk/azure-config.ts";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import { logSdkWith } from "../../src/adapters/azure-sdk/sdk-log.ts";
import { createPinoLogger } from "../../src/adapters/observe/pino-logger.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { answerCloudMetadata } from "../../src/emulator/http/cloud-metadata.ts";
import { readRequest, writeAnswer } from "../../src/emulator/http/http-exchange.ts";
import { createTlsMaterial } from "../../src/emulator/http/tls.ts";
import { answerIdentity } from "../../src/emulator/http/token.ts";
import { createProxyTunnel } from "./proxy-tunnel.ts";

const RESOURCE_MANAGER = "management.cloud.example";
const SECRET = "secret-of-the-application";
const FEDERATED = "token-of-the-service-account";
const PASSWORD = "password-of-the-proxy";
const OF_ANOTHER = "secret-of-another-part";
const place = {
  subscriptionId: "00000000-0000-0000-0000-000000000001",
  resourceGroup: "rg",
  location: "eastus",
  tenantId: "tenant",
  aadClientId: "driver",
};
/** Reads at once: the connections of some are in use while the others are logged. */
const READS = 4;

describe("the log at the highest verbosity of Azure's libraries", () => {
  const servers: Server[] = [];
  let folder = "";
  let caPem = "";
  let direct = "";
  let proxy = "";
  let lines: string[] = [];
  /** What must not be there, by what it is. */
  let secrets = new Map<string, string>();
  /** Refuses that many calls first. */
  let refusals = 0;
  const { log } = AzureLogger;

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await readRequest(message, "https");
    assert.ok(request !== undefined);
    const [, token] = /^Bearer (.+)$/u.exec(request.headers["authorization"] ?? "") ?? [];
    if (token !== undefined) secrets.set("Azure's token", token);
    const assertion = new URLSearchParams(request.bodyText).get("client_assertion");
    if (assertion !== null) secrets.set("an assertion", assertion);
    const refused = { status: 503, body: { error: { code: "ServerBusy", message: "later" } } };
    const notThere = { status: 404, body: { error: { code: "ResourceNotFound", message: "no" } } };
    const unsigned = answerIdentity(request) ?? answerCloudMetadata(request);
    writeAnswer(response, unsigned ?? (refusals-- > 0 ? refused : notThere));
  };
  const listen = async (server: Server): Promise<number> => {
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(0, "localhost", resolve));
    return (server.address() as AddressInfo).port;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "secrets-"));
    await writeFile(join(folder, "token"), FEDERATED);
    const tls = await createTlsMaterial([RESOURCE_MANAGER, "localhost"]);
    ({ caPem } = tls);
    const azure = createHttpsServer(
      { key: tls.keyPem, cert: tls.certPem },
      (message, response) => void answer(message, response),
    );
    const azurePort = await listen(azure);
    direct = `https://localhost:${azurePort}`;
    proxy = `http://user:${PASSWORD}@localhost:${await listen(createProxyTunnel(azurePort))}`;
    logSdkWith(createPinoLogger({ level: "debug", fields: {}, write: (line) => lines.push(line) }));
    setLogLevel("verbose");
  });
  beforeEach(() => {
    lines = [];
    refusals = 1;
    secrets = new Map([
      ["the client's secret", SECRET],
      ["the federated token", FEDERATED],
      ["the proxy's password", PASSWORD],
      ["the environment", OF_ANOTHER],
    ]);
  });
  after(async () => {
    setLogLevel();
    AzureLogger.log = log;
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await rm(folder, { recursive: true });
  });

  async function read(config: AzureConfig, environment: NodeJS.ProcessEnv): Promise<void> {
    const azure = connectAzure({ config: { ...place, ...config }, environment, caPem, clock: systemClock });
    assert.ok(azure.ok, JSON.stringify(azure));
    const { arm } = azure.value;
    const disk = { subscriptionId: place.subscriptionId, resourceGroup: "rg", name: "none" };
    const readOne = async (clientRequestId: string): Promise<unknown> =>
      arm.getDisk({ ...disk, clientRequestId }, new AbortController().signal);
    await readOne("first");
    await Promise.all(Array.from({ length: READS }, (_, index) => readOne(String(index))));
  }

  const ways: readonly {
    readonly because: string;
    readonly config: AzureConfig;
    readonly environment: (folder: string) => Readonly<Record<string, string>>;
  }[] = [
    {
      because: "a client secret",
      config: { aadClientSecret: SECRET },
      environment: () => ({}),
    },
    {
      because: "workload identity",
      config: {},
      environment: (of) => ({ AZURE_FEDERATED_TOKEN_FILE: join(of, "token") }),
    },
  ];
  for (const { because, config, environment } of ways)
    for (const isProxied of [false, true])
      it(`has no secret of ${because}${isProxied ? ", nor of a proxy" : ""}`, async (t) => {
        if (isProxied) {
          process.env["HTTPS_PROXY"] = proxy;
          t.after(() => delete process.env["HTTPS_PROXY"]);
        }
        await read(
          {
            ...config,
            resourceManagerEndpoint: isProxied ? `https://${RESOURCE_MANAGER}` : direct,
            activeDirectoryEndpoint: direct,
          },
          { ...process.env, ...environment(folder), SECRET_OF_ANOTHER: OF_ANOTHER },
        );
        assert.ok(secrets.has("Azure's token"), "no call reached Azure");
        const text = lines.join("");
        assert.match(text, /Request: /u);
        assert.deepEqual(
          [...secrets].filter(([, secret]) => text.includes(secret)).map(([what]) => what),
          [],
        );
      });
});
