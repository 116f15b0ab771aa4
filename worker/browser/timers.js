// Timers for our own scripts where those of the page are off: Chromium runs ours, and what they wait for, such
// as animations, events, observers and promises, but no timers (measured). So here a timer is an animation of
// nothing. It may begin a frame early, which is added. Only our isolated world has it.
self.setTimeout = (run, ms = 0, ...words) => {
  const timer = new Animation(new KeyframeEffect(null, null, ms + 17));
  timer.onfinish = () => run(...words);
  timer.play();
};
