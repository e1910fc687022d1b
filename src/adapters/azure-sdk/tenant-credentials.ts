import type { Agent } from "node:https";
import type { TokenCredential } from "@azure/identity";
import { ok, type Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  auxiliaryTenantsOf,
  type AzureConfig,
  type AzureEndpoints,
  type ConfigFailure,
} from "./azure-config.ts";
import { createAzureCredential } from "./azure-credential.ts";
import { createClockCheckedCredential } from "./calls/clock-checked-credential.ts";
import type { AuxiliaryCredential } from "./calls/sdk-clients.ts";
import {
  createCurrentCredential,
  type CurrentCredentialOptions,
  type SettingsReports,
} from "./current-credential.ts";
import { signInAsDiscovered } from "./sign-in-endpoints.ts";

/** How the driver signs in. */
export interface TenantSignIn {
  readonly clock: Clock;
  readonly config: AzureConfig;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly endpoints: AzureEndpoints;
  readonly caPem: string | undefined;
  readonly agent: Agent | undefined;
  /** The settings as they are at a later sign-in. Default: those above. */
  readonly current: CurrentSettings | undefined;
}

/** The settings as they are at a sign-in, and what is reported of them and of the files that they name. */
export type CurrentSettings = Pick<CurrentCredentialOptions<AzureConfig>, "read"> & SettingsReports;

/** Credentials of the settings' own tenant, and of those whose resources VMs refer to. */
export interface TenantCredentials {
  readonly credential: TokenCredential;
  readonly auxiliaryCredentials: readonly AuxiliaryCredential[];
}

/** One credential a tenant. Sends nothing yet. */
export function createTenantCredentials(signIn: TenantSignIn): Result<TenantCredentials, ConfigFailure> {
  const credential = credentialOf(signIn, undefined);
  if (!credential.ok) return credential;
  const tenants = auxiliaryTenantsOf(signIn.config);
  if (!tenants.ok) return tenants;
  const auxiliaryCredentials: AuxiliaryCredential[] = [];
  for (const tenantId of tenants.value) {
    const auxiliary = credentialOf(signIn, tenantId);
    if (!auxiliary.ok) return auxiliary;
    auxiliaryCredentials.push({ tenantId, credential: auxiliary.value });
  }
  return ok({ credential: credential.value, auxiliaryCredentials });
}

/** `tenantId`: another one than the settings' own. */
function credentialOf(
  { clock, config, environment, endpoints, caPem, agent, current }: TenantSignIn,
  tenantId: string | undefined,
): Result<TokenCredential, ConfigFailure> {
  const ofTenant = tenantId === undefined ? {} : { tenantId };
  const reports: SettingsReports = {
    onUnusable: (unusable) => current?.onUnusable?.({ ...unusable, ...ofTenant }),
    onUsable: (usable) => current?.onUsable?.({ ...usable, ...ofTenant }),
  };
  const create = (present: AzureConfig): ReturnType<typeof createAzureCredential> => {
    const made = createAzureCredential({
      clock,
      config: present,
      environment,
      caPem,
      agent,
      ...ofTenant,
      reports,
    });
    return made.ok
      ? ok((authority) => createClockCheckedCredential(() => made.value(authority), clock))
      : made;
  };
  const first = create(config);
  if (!first.ok) return first;
  const credentialAt = (authority: string): TokenCredential =>
    current === undefined
      ? first.value(authority)
      : createCurrentCredential({
          clock,
          name: "azure.json",
          first: { settings: config, credential: first.value(authority) },
          create: (present) => {
            const made = create(present);
            return made.ok ? ok(made.value(authority)) : made;
          },
          read: current.read,
          ...reports,
        });
  return ok(signInAsDiscovered({ credentialAt, endpoints, caPem, agent }));
}
