/** When a command that keeps running is told to stop: SIGINT or SIGTERM. */

/** Aborts at the first of them; at the second the process ends with exit code 1, whatever it is doing. */
export function toldToStop(): AbortSignal {
  const stop = new AbortController()
  // Never `once`: execa listens too, and ends the process where it finds itself alone.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever sends it a second time does not want to wait.
      if (stop.signal.aborted) process.exit(1)
      stop.abort()
    })
  }
  return stop.signal
}
