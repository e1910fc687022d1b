// Evaluates alerting rules with the parser and the query engine of Prometheus, at each minute of given series.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sort"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

const (
	interval   = time.Minute
	samplesMax = 1_000_000
)

// A question: the rule file, and cases of series.
type question struct {
	Rules string `json:"rules"`
	Cases []struct {
		Series []series `json:"series"`
		// How many minutes are evaluated, from 0 on.
		Minutes int `json:"minutes"`
	} `json:"cases"`
}

// Values in the notation of promtool's tests of rules, a sample a minute.
type series struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

// An alert that has fired in a case.
type firing struct {
	Alert string `json:"alert"`
	// Labels of the result alone, without those that the rule adds.
	Labels map[string]string `json:"labels"`
	// The minutes in which it was firing.
	Minutes []int `json:"minutes"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	language := parser.NewParser(parser.Options{})
	groups, faults := rulefmt.Parse([]byte(asked.Rules), false, model.UTF8Validation, language, slog.Default())
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:           samplesMax,
		Timeout:              time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               language,
	})
	answer := make([][]firing, 0, len(asked.Cases))
	for _, each := range asked.Cases {
		stored, err := store(language, each.Series)
		if err != nil {
			return err
		}
		fired := []firing{}
		for _, group := range groups.Groups {
			for _, rule := range group.Rules {
				of, err := evaluate(engine, stored, rule, each.Minutes)
				if err != nil {
					return fmt.Errorf("%s: %w", rule.Alert, err)
				}
				fired = append(fired, of...)
			}
		}
		answer = append(answer, fired)
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

// What a rule fires for. As in Prometheus, a result is pending until it has been there at each evaluation for
// the rule's time.
func evaluate(engine *promql.Engine, stored queryable, rule rulefmt.Rule, minutes int) ([]firing, error) {
	background := context.Background()
	activeSince := map[string]int{}
	fired := map[string]*firing{}
	for minute := 0; minute <= minutes; minute++ {
		at := time.Unix(0, 0).Add(time.Duration(minute) * interval)
		query, err := engine.NewInstantQuery(background, stored, nil, rule.Expr, at)
		if err != nil {
			return nil, err
		}
		result := query.Exec(background)
		vector, err := result.Vector()
		if err != nil {
			return nil, err
		}
		present := map[string]int{}
		for _, sample := range vector {
			of := sample.Metric.DropReserved(func(name string) bool { return name == labels.MetricName })
			key := of.String()
			since, isActive := activeSince[key]
			if !isActive {
				since = minute
			}
			present[key] = since
			if time.Duration(minute-since)*interval < time.Duration(rule.For) {
				continue
			}
			if fired[key] == nil {
				fired[key] = &firing{Alert: rule.Alert, Labels: of.Map()}
			}
			fired[key].Minutes = append(fired[key].Minutes, minute)
		}
		activeSince = present
		query.Close()
	}
	keys := make([]string, 0, len(fired))
	for key := range fired {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	sorted := make([]firing, 0, len(keys))
	for _, key := range keys {
		sorted = append(sorted, *fired[key])
	}
	return sorted, nil
}

// Series in memory.
type queryable struct {
	entries []*storage.SeriesEntry
}

func store(language parser.Parser, given []series) (queryable, error) {
	stored := queryable{}
	for _, each := range given {
		of, values, err := language.ParseSeriesDesc(each.Series + " " + each.Values)
		if err != nil {
			return stored, fmt.Errorf("%s: %w", each.Series, err)
		}
		samples := []chunks.Sample{}
		for minute, value := range values {
			if !value.Omitted {
				samples = append(samples, sample{at: time.Duration(minute) * interval, value: value.Value})
			}
		}
		stored.entries = append(stored.entries, storage.NewListSeries(of, samples))
	}
	sort.Slice(stored.entries, func(left, right int) bool {
		return labels.Compare(stored.entries[left].Labels(), stored.entries[right].Labels()) < 0
	})
	return stored, nil
}

func (stored queryable) Querier(_, _ int64) (storage.Querier, error) {
	return querier{Querier: storage.NoopQuerier(), stored: stored}, nil
}

type querier struct {
	storage.Querier
	stored queryable
}

func (of querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &set{}
	for _, entry := range of.stored.entries {
		matches := true
		for _, matcher := range matchers {
			matches = matches && matcher.Matches(entry.Labels().Get(matcher.Name))
		}
		if matches {
			found.rest = append(found.rest, entry)
		}
	}
	return found
}

type set struct {
	at   *storage.SeriesEntry
	rest []*storage.SeriesEntry
}

func (of *set) Next() bool {
	if len(of.rest) == 0 {
		return false
	}
	of.at, of.rest = of.rest[0], of.rest[1:]
	return true
}

func (of *set) At() storage.Series                { return of.at }
func (of *set) Err() error                        { return nil }
func (of *set) Warnings() annotations.Annotations { return nil }

type sample struct {
	at    time.Duration
	value float64
}

func (of sample) T() int64                      { return of.at.Milliseconds() }
func (of sample) ST() int64                     { return 0 }
func (of sample) F() float64                    { return of.value }
func (of sample) H() *histogram.Histogram       { return nil }
func (of sample) FH() *histogram.FloatHistogram { return nil }
func (of sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (of sample) Copy() chunks.Sample           { return of }
