// What a kiosk says of itself in a heartbeat, and what of that is a fault.

/** Values that are as they should be. */
const GOOD = new Set(['none', 'idle', 'live', 'ok', 'ample']);

/** The fields with values in words. */
export const PARTS = ['camera', 'microphone', 'network', 'memory', 'storage', 'clock'];

/** From so many degrees on a kiosk is hot. */
const HOT = 80;

export function isGood(value) { return GOOD.has(value); }

/** `{part, value}` for each fault; none when all is well. What has another type than the contract's is as if it were not there. */
export function faultsOf(status) {
  const faults = PARTS.map((part) => ({ part, value: status?.[part] })).filter(({ value }) => typeof value === 'string' && !isGood(value));
  const { temperature, outbox } = status ?? {};
  if (typeof temperature === 'number' && temperature >= HOT) faults.push({ part: 'temperature', value: temperature });
  if (typeof outbox === 'number' && outbox > 0) faults.push({ part: 'outbox', value: outbox });
  return faults;
}
