// Refuses consent banners, and hides those that cannot be refused. This text runs in one function with the text
// of autoconsent (vendor/autoconsent.js), whose names it uses, and after overlays.js and consent_signs.js.
//
// What autoconsent wants to know of the page's own variables is asked of the worker: `next` ends when there are
// such questions, and takes the answers. So no binding is needed, which the page would pay for.
{
  // Without a word about them, autoconsent writes its steps to the console, which is evidence of the page.
  const LOGS = { rulesteps: false, detectionsteps: false };
  const CONFIG = { autoAction: null, enablePrehide: false, logs: LOGS };
  // A page at rest needs no long pauses between two clicks.
  const MAX_PAUSE_MS = 250;
  const GONE_MS = 500;
  const LOOK_MS = 50;
  // A platform is often there without its banner: the visitor is not asked in this country.
  const LOOKS_FOR_OPEN = 4;
  const OPEN_MS = 1000;
  const MAX_NOTICE_TEXT = 1500;

  // What no banner is about: things to buy, to eat, to log in to; ages; offers of a subscription for money.
  const OTHERS = /[€$£]\s?\d|\d\s?(€|£|EUR|USD)|password|passwort|mot de passe|contraseña|\b(recipe|dough|chocolate|butter|flavou?rs?|bakery|baked|oven)\b|years old|years of age|date of birth|volljährig|(\b18|\b21)\s*(jahre|ans|años|anni)/i;
  const OTHER_BUTTON = /delete|remove|cancel|discard|unsaved|\bbuy\b|\bcart\b|basket|checkout|\border\b|\bpay\b|sign (in|up)|log ?in|register|account|upload|\bsend\b|\bleave\b|\bjoin\b|invit|\bcall\b|continue with|löschen|abbrechen|kaufen|anmelden|supprimer|annuler|acheter|eliminar|cancelar|comprar/i;
  const FIELDS = 'input[type=password], input[type=email], input[type=tel], input[type=number], input[type=date], textarea, select';

  const asked = [];
  let wake = () => {};
  let ended = null;

  const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
  const until = async (isTrue, ms) => {
    for (const endsAt = performance.now() + ms; performance.now() < endsAt; await pause(LOOK_MS)) {
      if (await isTrue()) return true;
    }
    return isTrue();
  };

  class Consent extends AutoConsent {
    start() {} // `run` begins, at once
    updateState(change) { Object.assign(this.state, change); } // tells nobody
  }

  const tell = async message => {
    if (message.type !== 'eval') return;
    asked.push({ id: message.id, code: message.code });
    wake();
  };

  const buttonsOf = element => getButtonData(element.shadowRoot ?? element);

  // The buttons of a banner; none: the element is something else.
  const bannerButtons = element => {
    const text = overlays.textOf(element);
    if (!consentSigns.SUBJECT.test(text) || OTHERS.test(text) || isExcludedPopup(text)) return [];
    if (!checkHeuristicPatterns(text).patterns.length || element.querySelector(FIELDS)) return [];
    const buttons = buttonsOf(element);
    if (buttons.some(button => OTHER_BUTTON.test(button.text))) return [];
    classifyButtons(buttons);
    return buttons.some(button => button.regexClassification !== 'other') ? buttons : [];
  };

  const isNotice = element => !element.matches('html, body') && overlays.isDrawn(element)
    && !element.closest(overlays.PAGE) && !element.querySelector(overlays.PAGE)
    && overlays.textOf(element).length < MAX_NOTICE_TEXT;

  // Banners of no known platform: what lies over the page, then what is in its flow, above or below it. Inner
  // elements come before those around them, which may be the whole page with a class that speaks of cookies.
  function* homeMade(isTop) {
    if (!isTop) {
      if (document.body) yield document.body;
      return;
    }
    for (const element of overlays.find()) {
      if (!element.querySelector(overlays.PAGE)) yield element;
    }
    yield* [...document.querySelectorAll(consentSigns.NOTICE)].reverse().filter(isNotice);
  }

  // A link to another page is no button, whatever it is called.
  const staysHere = button => {
    const link = button.element.closest('a[href], area[href]');
    if (!link || /^\s*(#|javascript:)/i.test(link.getAttribute('href'))) return true;
    return link.pathname === location.pathname && link.host === location.host;
  };

  // Some rules wait for their banner for seconds before they say no.
  const isOpen = (cmp, ms) => Promise.race([cmp.detectPopup().catch(() => false), pause(ms).then(() => false)]);

  const open = async cmps => {
    for (let look = 0; look < LOOKS_FOR_OPEN && cmps.length; look++) {
      if (look) await pause(2 * LOOK_MS);
      const shown = await Promise.all(cmps.map(cmp => isOpen(cmp, OPEN_MS)));
      const cmp = cmps.find((_, index) => shown[index]);
      if (cmp) return cmp;
    }
    return undefined;
  };

  // Answers the banner of a platform. Returns whether it has gone.
  const refuse = async (cmp, limitMs) => {
    const isDone = await Promise.race([cmp.optOut().catch(() => false), pause(limitMs).then(() => false)]);
    return !!isDone && until(async () => !(await isOpen(cmp, 3 * LOOK_MS)), GONE_MS);
  };

  const run = async ({ rules, isTop, mayClick, limitMs }) => {
    const outcome = { name: null, refused: 0, hidden: 0 };
    const consent = new Consent(tell, CONFIG, { autoconsent: [], compact: rules });
    const { domActions } = consent;
    domActions.wait = ms => pause(Math.min(ms, MAX_PAUSE_MS)).then(() => true);
    const found = await consent.findCmp(0);
    const endsAt = performance.now() + limitMs;
    const cmp = await open(found.filter(one => !one.isCosmetic)) ?? await open(found.filter(one => one.isCosmetic));
    if (cmp) {
      outcome.name = cmp.name;
      // An intermediate rule opens a frame of choices, which takes longer than a picture may wait.
      const hasGone = mayClick && !cmp.isIntermediate && await refuse(cmp, endsAt - performance.now());
      outcome[hasGone && !cmp.isCosmetic ? 'refused' : 'hidden']++;
      if (!hasGone) {
        domActions.click = domActions.clickElement = async () => false; // what is under way clicks no more
        for (const element of document.querySelectorAll((cmp.prehideSelectors ?? []).join() || 'no-banner')) {
          if (overlays.isShown(element)) overlays.hide(element);
        }
      }
    }
    for (const element of homeMade(isTop)) {
      const buttons = overlays.isDrawn(element) ? bannerButtons(element) : [];
      if (!buttons.length) continue;
      outcome.name ??= 'home-made';
      const refusal = buttons.find(button => button.regexClassification === 'reject' && staysHere(button));
      if (refusal && mayClick && performance.now() < endsAt) {
        refusal.element.click();
        if (await until(() => !overlays.isDrawn(element), GONE_MS)) {
          outcome.refused++;
          continue;
        }
      }
      if (isTop) overlays.hide(element);
      outcome.hidden++;
    }
    return outcome;
  };

  const next = async () => {
    if (!asked.length && !ended) await new Promise(resolve => { wake = resolve; });
    await pause(0); // rules run side by side, and what they ask goes together
    return asked.length ? { evals: asked.splice(0) } : { outcome: ended };
  };

  globalThis.banners = {
    start(options) {
      run(options).then(outcome => { ended = outcome; wake(); }, error => {
        ended = { name: null, refused: 0, hidden: 0, error: String(error) };
        wake();
      });
      return next();
    },
    next(answers) {
      for (const [id, value] of answers) resolveEval(id, value);
      return next();
    },
  };
}
