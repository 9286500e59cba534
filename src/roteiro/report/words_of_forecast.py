"""What reports of forecasts say, in English and Brazilian Portuguese.

What must not live here: numbers.
"""

from typing import Final

__all__ = ["FORECAST_WORDS"]

FORECAST_WORDS: Final[dict[str, tuple[str, str]]] = {
    "forecast.title": ("Forecast", "Previsão"),
    "forecast.running": ("forecasting", "prevendo"),
    "forecast.about": (
        "{source} · {measure} by {step} · {steps} periods ahead", "{source} · {measure} por {step} · {steps} períodos à frente"
    ),
    "forecast.measure.requests": ("requests", "requisições"),
    "forecast.measure.input_tokens": ("input tokens", "tokens de entrada"),
    "forecast.measure.output_tokens": ("output tokens", "tokens de saída"),
    "forecast.measure.tokens": ("tokens", "tokens"),
    "forecast.measure.cost_usd": ("cost", "custo"),
    "forecast.measure.value": ("value", "valor"),
    "forecast.method.seasonal_naive": ("seasonal naive", "ingênuo sazonal"),
    "forecast.method.arima": ("ARIMA", "ARIMA"),
    "forecast.method.ets": ("exponential smoothing (ETS)", "suavização exponencial (ETS)"),
    "forecast.method.theta": ("theta", "theta"),
    "forecast.method.mstl": ("seasonal decomposition (MSTL)", "decomposição sazonal (MSTL)"),
    "forecast.method.regression": ("regression on lags and calendar", "regressão em defasagens e calendário"),
    "forecast.method.boosting": ("gradient boosting on lags and calendar", "gradient boosting em defasagens e calendário"),
    "forecast.method.mlp": ("neural network", "rede neural"),
    "forecast.method.prophet": ("Prophet", "Prophet"),
    "forecast.method.ensemble": ("median of several methods", "mediana de vários métodos"),
    "forecast.why.best": (
        "Taken because it did best on this past: over {origins} origins of {steps} steps its mean error was {score} of seasonal naive's.",
        "Escolhido por ser o melhor neste passado: em {origins} origens de {steps} passos, seu erro médio foi {score} do ingênuo sazonal.",
    ),
    "forecast.why.steady": (
        "None alone is surely better: over {origins} origins of {steps} steps their mean error was {score} of seasonal naive's.",
        "Nenhum sozinho é melhor com certeza: em {origins} origens de {steps} passos, o erro deles foi {score} do ingênuo sazonal.",
    ),
    "forecast.why.no_better": (
        "Seasonal naive is taken: over {origins} origins of {steps} steps no method did better on this past.",
        "Fica o ingênuo sazonal: em {origins} origens de {steps} passos, nenhum método foi melhor neste passado.",
    ),
    "forecast.why.asked": (
        "Taken because it was asked for; over {origins} origins of {steps} steps its mean error was {score} of seasonal naive's.",
        "Usado por ter sido pedido; em {origins} origens de {steps} passos, seu erro médio foi {score} do ingênuo sazonal.",
    ),
    "forecast.why.loses": (
        "On this past it loses to seasonal naive. Without --method it would not be taken.",
        "Neste passado ele perde para o ingênuo sazonal. Sem --method, não seria usado.",
    ),
    "forecast.why.too_short": (
        "The past is too short to compare methods: seasonal naive is taken, and its bands are a guess from the past's own steps.",
        "O passado é curto demais para comparar métodos: fica o ingênuo sazonal, com faixas supostas a partir dos passos do passado.",
    ),
    "forecast.why.constant": (
        "The past never changes: the forecast is that it stays so.", "O passado nunca muda: a previsão é que continue assim."
    ),
    "forecast.why.horizon_cut": (
        "The past is short: methods were tested over {steps} steps only, and bands beyond them are extrapolated.",
        "O passado é curto: os métodos foram testados só em {steps} passos, e as faixas além deles são extrapoladas.",
    ),
    "forecast.why.no_season": (
        "The past does not show a day, week or year twice: no season is known.",
        "O passado não mostra um dia, semana ou ano duas vezes: nenhuma sazonalidade é conhecida.",
    ),
    "forecast.sum": (
        "Over the whole horizon {sum} ({level} band {low} – {high}); the highest period {peak} (band {peak_low} – {peak_high}).",
        "Em todo o horizonte {sum} (faixa de {level} {low} – {high}); o maior período {peak} (faixa {peak_low} – {peak_high}).",
    ),
    "forecast.past": ("past", "passado"),
    "forecast.line": ("forecast, {level} band", "previsão, faixa de {level}"),
    "forecast.yardstick": ("seasonal naive", "ingênuo sazonal"),
    "forecast.chart": ("{measure} by {step}: {name}", "{measure} por {step}: {name}"),
    "forecast.bands": ("What the bands held on the past", "O que as faixas contiveram no passado"),
    "forecast.band": ("band", "faixa"),
    "forecast.held": ("held on the past", "conteve no passado"),
    "forecast.width": ("mean width, of the forecast", "largura média, da previsão"),
    "forecast.tried": ("Methods on this past", "Métodos neste passado"),
    "forecast.method": ("method", "método"),
    "forecast.error": ("mean error, seasonal naive = 1", "erro médio, ingênuo sazonal = 1"),
    "forecast.taken": ("taken", "usado"),
    "forecast.periods": ("By period", "Por período"),
    "forecast.from": ("from", "desde"),
    "forecast.median": ("forecast", "previsão"),
    "forecast.left_out": ("{count} smaller series are left out.", "{count} séries menores ficaram de fora."),
    "forecast.clock": ("hours of {zone}", "horas de {zone}"),
    "forecast.holidays": ("Holidays ahead: {days}.", "Feriados à frente: {days}."),
    "forecast.holidays.none": ("No holiday falls into the forecast.", "Nenhum feriado cai na previsão."),
    "forecast.holidays.measured": (
        "On a workday off, {share} of the usual comes, as on {of} of them in the past.",
        "Em um dia útil de feriado vem {share} do usual, como em {of} deles no passado.",
    ),
    "forecast.holidays.sundays": (
        "The past has too few to measure: {share} of the usual is taken, as on its {of} Sundays.",
        "O passado tem poucos para medir: supõe-se {share} do usual, como em seus {of} domingos.",
    ),
    "forecast.holidays.unknown": (
        "The past has neither holidays nor weeks enough to tell what they do: they are forecast like other days.",
        "O passado não tem feriados nem semanas que bastem para dizer seu efeito: são previstos como os outros dias.",
    ),
    "anomaly.title": ("Anomalies of the past", "Anomalias do passado"),
    "anomaly.when": ("when", "quando"),
    "anomaly.length": ("for", "por"),
    "anomaly.came": ("came", "veio"),
    "anomaly.usual": ("usual", "usual"),
    "anomaly.what": ("what that is", "o que isso é"),
    "anomaly.then": ("that time", "um momento como aquele"),
    "anomaly.hour": ("{hour} on {day}", "{hour} em {day}"),
    "anomaly.day.0": ("a Monday", "uma segunda"),
    "anomaly.day.1": ("a Tuesday", "uma terça"),
    "anomaly.day.2": ("a Wednesday", "uma quarta"),
    "anomaly.day.3": ("a Thursday", "uma quinta"),
    "anomaly.day.4": ("a Friday", "uma sexta"),
    "anomaly.day.5": ("a Saturday", "um sábado"),
    "anomaly.day.6": ("a Sunday", "um domingo"),
    "anomaly.times": ("{ratio} times what {when} usually is", "{ratio} vezes o usual de {when}"),
    "anomaly.share": ("{share} of what {when} usually is", "{share} do usual de {when}"),
    "anomaly.instead": ("{came} in place of {usual}, which {when} usually is", "{came} no lugar de {usual}, o usual de {when}"),
    "anomaly.learned": (
        "Stretches far from the usual: {count}. The forecast has learned from them; --leave-out anomalies forecasts without.",
        "Trechos longe do usual: {count}. A previsão aprendeu com eles; --leave-out anomalies prevê sem eles.",
    ),
    "anomaly.unlearned": (
        "Stretches far from the usual: {count}. The forecast has not learned from them, nor is it judged by them.",
        "Trechos longe do usual: {count}. A previsão não aprendeu com eles nem é julgada por eles.",
    ),
    "anomaly.more": ("The {shown} strangest are shown.", "São mostrados os {shown} mais estranhos."),
    "anomaly.note": (
        ("Usual is the median of the same hour on like days, at the level of that day. An anomaly is beyond what the largest deviation of "
        "this record's usual days is; on noise alone some one day in two hundred has one."),
        ("Usual é a mediana da mesma hora em dias parecidos, no nível daquele dia. Uma anomalia vai além do maior desvio dos dias usuais "
        "deste registro; em puro ruído, cerca de um dia em duzentos tem uma."),
    ),
    "past.title": ("What the past looks like", "Como é o passado"),
    "past.chart": ("{measure} by {step}, without seasons", "{measure} por {step}, sem sazonalidade"),
    "past.seasonless": ("past without seasons", "passado sem sazonalidade"),
    "past.part": ("part", "parte"),
    "past.strength": ("strength", "força"),
    "past.what": ("what it is", "o que é"),
    "past.trend": ("trend", "tendência"),
    "past.day": ("the day", "o dia"),
    "past.week": ("the week", "a semana"),
    "past.season": ("season: {name}", "sazonalidade: {name}"),
    "past.remainder": ("remainder", "resto"),
    "past.from_to": ("from {first} to {last}", "de {first} a {last}"),
    "past.swing": ("highest: {high} (+{more}), lowest: {low} ({less})", "maior: {high} (+{more}), menor: {low} ({less})"),
    "past.half": ("half of it is within ±{half}", "metade dele está em ±{half}"),
    "past.level": ("From {when} on the level is another: {before} before, {after} after{share}.",
                   "Desde {when} o nível é outro: {before} antes, {after} depois{share}."),
    "past.slope": ("From {when} on the trend is another: {one} a day before, {two} a day after.",
                   "Desde {when} a tendência é outra: {one} por dia antes, {two} por dia depois."),
    "past.steady": ("Neither level nor trend changed for good.", "Nem o nível nem a tendência mudaram de vez."),
    "past.note": (
        ("Strength is the share of what varies that the part explains beside the remainder (0 to 100%). Parts are by MSTL, with anomalies "
        "left out of the fit; changes are of a day's median, without seasons."),
        ("Força é a parcela da variação que a parte explica ao lado do resto (0 a 100%). As partes são do MSTL, com anomalias fora do "
        "ajuste; as mudanças são da mediana do dia, sem sazonalidade."),
    ),
    "coherent.level": ("level", "nível"),
    "coherent.name": ("name", "nome"),
    "coherent.mean": ("whole horizon, mean", "todo o horizonte, em média"),
    "coherent.share": ("of the total", "do total"),
    "coherent.note": (
        ("Each was forecast by itself, and all were then moved as little as may be so that they add up, in each path and in the mean (MinT "
        "reconciliation). Coverage and errors are of the forecasts before."),
        ("Cada um foi previsto sozinho e todos foram movidos o mínimo para que somem, em cada caminho e na média (reconciliação MinT). "
        "Cobertura e erros são das previsões antes disso."),
    ),
    "scenario": ("scenario", "cenário"),
    "scenario.title": ("Scenarios", "Cenários"),
    "scenario.none": ("forecast as it is", "previsão como está"),
    "scenario.usual": ("past, and the forecast as it is", "passado, e a previsão como está"),
    "scenario.name.base": ("base", "base"),
    "scenario.name.optimistic": ("optimistic", "otimista"),
    "scenario.name.pessimistic": ("pessimistic", "pessimista"),
    "scenario.name.stress": ("stress", "estresse"),
    "scenario.about.organic growth": ("organic growth", "crescimento orgânico"),
    "scenario.about.faster adoption": ("faster adoption", "adoção acelerada"),
    "scenario.about.budget cuts": ("budget cuts", "restrições orçamentárias"),
    "scenario.about.a viral event": ("a viral event", "evento viral"),
    "scenario.note": (
        ("A scenario multiplies the forecast by what it supposes; no past can test it. Its band holds the forecast's own uncertainty and "
        "that of the supposition."),
        ("Um cenário multiplica a previsão pelo que supõe; nenhum passado pode testá-lo. Sua faixa contém a incerteza da previsão e a da "
        "própria suposição."),
    ),
    "scenario.sum": ("whole horizon", "todo o horizonte"),
    "scenario.mean": ("mean", "média"),
    "scenario.against": ("of the forecast", "da previsão"),
    "scenario.peak": ("highest period", "maior período"),
    "scenario.peak_high": ("its {level} quantile", "seu quantil de {level}"),
    "scenario.supposes": ("supposes", "supõe"),
    "scenario.nothing": ("nothing beyond the forecast", "nada além da previsão"),
    "scenario.factor.user_growth": ("users", "usuários"),
    "scenario.factor.usage_per_user": ("use by each", "uso por usuário"),
    "scenario.factor.model_efficiency": ("tokens for the same task", "tokens para a mesma tarefa"),
    "scenario.factor.seasonality": ("season", "sazonalidade"),
    "scenario.factor.growth": ("growth", "crescimento"),
    "scenario.factor.surge": ("surge", "surto"),
    "scenario.of_tokens": ("{name}: changes no request", "{name}: não muda as requisições"),
    "scenario.kind.monthly": ("{name} × {value}{between} a month", "{name} × {value}{between} ao mês"),
    "scenario.kind.swing": ("{name} × {value}{between} within a month, then level", "{name} × {value}{between} em um mês, depois estável"),
    "scenario.kind.level": ("{name} × {value}{between} at once", "{name} × {value}{between} de imediato"),
    "scenario.event.viral": ("viral surge", "surto viral"),
    "scenario.event.launch": ("launch", "lançamento"),
    "scenario.event.campaign": ("campaign", "campanha"),
    "scenario.event.surge": ("surge", "surto"),
    "scenario.from": ("from {at}", "desde {at}"),
    "scenario.after": ("{after} after the beginning", "{after} depois do início"),
    "scenario.at_peak": ("on the forecast's highest period", "no maior período da previsão"),
    "scenario.course": (
        "climbing for {ramp}, lasting {plateau}, halving every {decay}",
        "subindo por {ramp}, durando {plateau}, caindo à metade a cada {decay}",
    ),
    "scenario.lasting": (", of which {share} stays", ", dos quais {share} ficam"),
    "forecast.method_note": (
        ("Bands are conformal: made of what the method missed by at past origins, widened where bands of the past held too little. "
        "Coverage is of bands made only of what was known then. Missing periods are filled from the days around, and not judged by."),
        ("As faixas são conformais: feitas do que o método errou em origens passadas, alargadas onde as do passado contiveram pouco. "
        "A cobertura é de faixas feitas só com o que se sabia então. O que falta vem dos dias ao redor e não entra no julgamento."),
    ),
}  # fmt: skip
